//! A batch whose tags are made of the scores that another one has kept: it is whole as soon as it is there.

use common::{
    fault::{Code, Fault},
    stage::Stage,
    wire::Features,
};
use ledger::{BatchKey, Ledger, Sealed, unavailable};

use crate::state::AppState;

/// Whose scores, and how many there are.
pub struct Retag {
    /// The model that gave them.
    pub model: Option<String>,
    shards: u32,
    total: u64,
    warnings: Vec<String>,
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
            warnings: warnings(&source.asked.features),
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
        let warned = ledger.warn(key, &self.warnings).await;
        warned.map_err(unavailable)?;
        ledger.seal(key, whole).await.map_err(unavailable)
    }
}

/// Says which of the batch's tags cannot be among the new ones: the models that told them keep no scores.
fn warnings(features: &Features) -> Vec<String> {
    let lost: Vec<&str> = [(features.people, "people"), (features.text, "text")]
        .into_iter()
        .filter_map(|(was_asked, name)| was_asked.then_some(name))
        .collect();
    if lost.is_empty() {
        return Vec::new();
    }
    let lost = lost.join(" and ");
    vec![format!(
        "Tags are of the tagger's scores alone: what the models for {lost} added to the batch was not kept."
    )]
}

fn unusable(detail: String) -> Fault {
    Fault::new(Code::ScoresUnusable, Stage::Admit, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_cannot_be_made_again_are_told() {
        let all = Features {
            tags: true,
            people: true,
            text: true,
            ..Features::default()
        };
        let told = warnings(&all).remove(0);
        assert!(told.contains("people and text"), "{told}");
        let tags = Features {
            people: false,
            text: false,
            ..all
        };
        assert!(warnings(&tags).is_empty());
    }
}
