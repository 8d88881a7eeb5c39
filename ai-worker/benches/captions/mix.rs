//! Sets of tags as photos have them: ten thousand, some far more often than others.

use ai_worker::tags::Taxonomy;
use common::{model::default_folder, wire::Tag};

pub const SETS: usize = 10_000;

pub struct Mix {
    pub taxonomy: Taxonomy,
    sets: Vec<Vec<Tag>>,
    /// Sums of 1, 1/2, 1/3, …
    weights: Vec<f64>,
    chance: Chance,
}

impl Mix {
    pub fn load() -> anyhow::Result<Self> {
        let labels = std::fs::read(default_folder().join("efficientnet-lite0/labels.json"))?;
        let taxonomy = Taxonomy::from_json(&labels)?;
        let mut chance = Chance(1);
        let sets: Vec<_> = (0..SETS).map(|_| set(&taxonomy, &mut chance)).collect();
        let mut sum = 0.0;
        let weights = (1..=SETS).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        Ok(Self { taxonomy, sets, weights: weights.collect(), chance })
    }

    /// The nth most frequent.
    pub fn set(&self, n: usize) -> &[Tag] {
        &self.sets[n]
    }

    /// One by its frequency (Zipf).
    pub fn draw(&mut self) -> usize {
        let at = self.chance.share() * self.weights[SETS - 1];
        self.weights.partition_point(|sum| *sum < at).min(SETS - 1)
    }
}

/// One to three classes, the surest first.
fn set(taxonomy: &Taxonomy, chance: &mut Chance) -> Vec<Tag> {
    let count = 1 + (chance.share() * 3.0) as usize;
    let tag = |n: usize| {
        let class = &taxonomy.classes[(chance.share() * taxonomy.classes.len() as f64) as usize];
        let parent = |index: &usize| taxonomy.parents[*index].name.clone();
        Tag {
            id: class.name.clone(),
            name: class.name.clone(),
            confidence: 0.9 / (n + 1) as f32,
            category: class.category.clone(),
            category_name: class.category.clone(),
            parents: class.parents.iter().map(parent).collect(),
        }
    };
    (0..count).map(tag).collect()
}

/// The same numbers in every run.
struct Chance(u64);

impl Chance {
    /// 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
