//! Jobs that failed before. They are fetched one at a time, and only when
//! nothing else is held: a job that kills its worker then takes nobody's
//! attempts but its own, however many mates prefetch had put beside it.

use std::{sync::Arc, time::Duration};

use lapin::options::BasicGetOptions;

use super::{
    Link, Place,
    consumer::Arrival,
    envelope::Envelope,
    intake::Intake,
    receipt::{Receipt, Source},
    within,
};

/// Between looks at the retry queues; jittered, since all consumers look.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Intake {
    /// Goes on until the connection fails, and returns why.
    pub async fn fetch_retries(&self, link: &Arc<Link>) -> String {
        let source = match within(link.channel()).await {
            Ok(channel) => Arc::new(Source {
                channel,
                _link: link.clone(),
            }),
            Err(error) => return error,
        };
        loop {
            match self.fetch_one(&source).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => return error.to_string(),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY.mul_f64(0.5 + rand::random::<f64>())) => {}
                () = self.moved.notified() => {}
            }
        }
    }

    async fn fetch_one(&self, source: &Arc<Source>) -> lapin::Result<bool> {
        for (queue, to) in &self.queues {
            let (topology, place) = (&self.inner.broker.topology, Place::Retry(*queue));
            // Looked at from outside first: holding back all others costs a batch's time.
            if topology.depth(&source.channel, place).await?.messages == 0 {
                continue;
            }
            let hold = self.hands.alone().await;
            let got = source
                .channel
                .basic_get(topology.queue(place).into(), BasicGetOptions::default())
                .await?;
            let Some(message) = got else {
                drop(hold);
                self.hands.changed.notify_one();
                continue;
            };
            let delivery = message.delivery;
            if delivery.redelivered {
                drop(hold);
                self.hands.changed.notify_one();
                self.count_failure(source, *queue, to, delivery).await;
                return Ok(true);
            }
            let attempt = Envelope::read(&delivery.properties).failed + 1;
            let receipt = Receipt::new(
                delivery.acker,
                self.hands.clone(),
                Some(hold),
                source.clone(),
            );
            let job = Arrival::Job {
                id: *queue,
                attempt,
                payload: delivery.data.into(),
                receipt,
            };
            // A consumer that is gone drops the receipt, and the job goes back.
            let _ = self.retries.send(job).await;
            self.hands.changed.notify_one();
            return Ok(true);
        }
        Ok(false)
    }
}
