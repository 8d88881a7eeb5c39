//! How the time between submission and result is shared out among the stages.

use std::time::Duration;

use common::stage::{Stage, Timings};

/// Shares the time out. The confirm and the queue overlap (a job may be with its worker before the
/// broker's confirm is back), so `publish` is what came before the delivery,
/// and what nobody measured is the way back, `result`.
pub fn apportion(roundtrip: Duration, confirmed: Duration, worker: &Timings) -> Timings {
    let roundtrip_ms = roundtrip.as_secs_f64() * 1e3;
    let confirmed_ms = confirmed.as_secs_f64() * 1e3;
    let queued_ms = worker.get_ms(Stage::Queue).unwrap_or(0.0);
    let worked_ms = worker.sum_ms() - queued_ms;
    // Clocks drift between two looks at Redis: no stage may push the sum over
    // the time that really passed.
    let unworked_ms = (roundtrip_ms - worked_ms).max(0.0);
    let publish_ms = confirmed_ms.min(queued_ms).min(unworked_ms);
    let queue_ms = (queued_ms - publish_ms)
        .max(0.0)
        .min(unworked_ms - publish_ms);
    let mut timings = Timings::default();
    timings.add_ms(Stage::Publish, publish_ms);
    timings.add_ms(Stage::Queue, queue_ms);
    worker
        .iter()
        .filter(|(stage, _)| *stage != Stage::Queue)
        .for_each(|(stage, ms)| timings.add_ms(stage, ms));
    timings.add_ms(Stage::Result, unworked_ms - publish_ms - queue_ms);
    timings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn worker(queue: f64, infer: f64) -> Timings {
        let mut timings = Timings::default();
        timings.add_ms(Stage::Queue, queue);
        timings.add_ms(Stage::Infer, infer);
        timings
    }

    #[test]
    fn the_parts_add_up_whatever_the_clocks_say() {
        for (queue, infer) in [(0.0, 10.0), (5.0, 10.0), (500.0, 10.0), (3.0, 39.0)] {
            let parts = apportion(ms(40), ms(2), &worker(queue, infer));
            assert!(
                (parts.sum_ms() - 40.0).abs() < 1e-9,
                "queue {queue}, infer {infer}: {parts:?}"
            );
        }
    }

    #[test]
    fn publish_ends_where_the_delivery_began() {
        let parts = apportion(ms(40), ms(20), &worker(5.0, 10.0));
        assert_eq!(parts.get_ms(Stage::Publish), Some(5.0));
        assert_eq!(parts.get_ms(Stage::Queue), Some(0.0));
    }
}
