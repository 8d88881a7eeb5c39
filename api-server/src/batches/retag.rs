//! A batch whose tags are made of the scores that another one has kept: it is whole as soon as it is there.

use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use ledger::{BatchKey, Ledger, Sealed, unavailable};

use crate::state::AppState;

/// Whose scores, and how many there are.
pub struct Retag {
    /// The model that gave them.
    pub model: Option<String>,
    shards: u32,
    total: u64,
}

impl Retag {
    /// Looks at the batch whose scores are wanted. Another tenant's is none.
    pub async fn find(app: &AppState, tenant: &str, batch: &str) -> Result<Self, Fault> {
        let source = app.batch(tenant, batch).await?;
        if let Some(root) = source.retag_of {
            return Err(unusable(format!(
                "The batch is made of another one's scores itself: retag {root}."
            )));
        }
        if !source.asked.features.scores {
            let detail = "The batch kept no scores: `\"store\": \"scores\"` was not asked of it.";
            return Err(unusable(detail.to_owned()));
        }
        let ledger = &app.resources.ledger;
        let key = BatchKey::new(tenant, batch);
        let look = ledger.look(&key).await.map_err(unavailable)?;
        let Some(end) = &look.facts.ended else {
            let detail = "A batch is retagged when it has ended; it is still under way.";
            return Err(Fault::new(Code::BatchUnderWay, Stage::Admit, detail));
        };
        if end.tally.completed == 0 {
            return Err(unusable("No image of the batch was tagged.".to_owned()));
        }
        Ok(Self {
            model: source.model,
            shards: look.facts.sealed.map_or(0, |sealed| sealed.shards),
            total: end.tally.completed,
        })
    }

    /// Says that there is no more to come.
    pub async fn seal(self, ledger: &Ledger, key: &BatchKey, now_s: u64) -> Result<Sealed, Fault> {
        let whole = Sealed {
            total: self.total,
            shards: self.shards,
            sealed_s: now_s,
            listed: self.total,
        };
        ledger.seal(key, whole).await.map_err(unavailable)
    }
}

fn unusable(detail: String) -> Fault {
    Fault::new(Code::ScoresUnusable, Stage::Admit, detail)
}
