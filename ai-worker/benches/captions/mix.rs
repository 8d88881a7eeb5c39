//! Sets of tags as photos have them: ten thousand, some far more often than
//! others. Those of the sample photos are the most frequent.

use anyhow::Context as _;
use common::{model::default_folder, wire::Tag};
use tags::{Entry, Taxonomy};

use crate::samples::SAMPLES;

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
        let mut sets = SAMPLES
            .iter()
            .map(|said| sample(&taxonomy, said))
            .collect::<anyhow::Result<Vec<_>>>()?;
        sets.extend((SAMPLES.len()..SETS).map(|_| set(&taxonomy, &mut chance)));
        let mut sum = 0.0;
        let weights = (1..=SETS).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        Ok(Self {
            taxonomy,
            sets,
            weights: weights.collect(),
            chance,
        })
    }

    /// The nth most frequent.
    pub fn set(&self, n: usize) -> &[Tag] {
        &self.sets[n]
    }

    /// Each of the samples', then others by their frequency.
    pub fn ask(&mut self, count: usize) -> Vec<usize> {
        (0..SAMPLES.len())
            .chain((SAMPLES.len()..count).map(|_| self.draw()))
            .collect()
    }

    /// One by its frequency (Zipf).
    fn draw(&mut self) -> usize {
        let at = self.chance.share() * self.weights[SETS - 1];
        self.weights.partition_point(|sum| *sum < at).min(SETS - 1)
    }
}

/// What the tagger says of a photo.
fn sample(taxonomy: &Taxonomy, said: &[(&str, f32)]) -> anyhow::Result<Vec<Tag>> {
    let one = |(name, confidence): &(&str, f32)| {
        let mut entries = taxonomy.classes.iter().chain(&taxonomy.parents);
        let entry = entries
            .find(|entry| entry.name == *name)
            .with_context(|| format!("no label is called {name}"))?;
        Ok(tag(taxonomy, entry, *confidence))
    };
    said.iter().map(one).collect()
}

/// One to three classes, the surest first.
fn set(taxonomy: &Taxonomy, chance: &mut Chance) -> Vec<Tag> {
    let count = 1 + (chance.share() * 3.0) as usize;
    let mut any = || (chance.share() * taxonomy.classes.len() as f64) as usize;
    (0..count)
        .map(|n| tag(taxonomy, &taxonomy.classes[any()], 0.9 / (n + 1) as f32))
        .collect()
}

fn tag(taxonomy: &Taxonomy, entry: &Entry, confidence: f32) -> Tag {
    let parent = |index: &usize| taxonomy.parents[*index].name.clone();
    Tag {
        id: entry.name.clone(),
        name: entry.name.clone(),
        confidence,
        category: entry.category.clone(),
        category_name: entry.category.clone(),
        parents: entry.parents.iter().map(parent).collect(),
    }
}

/// The same numbers in every run.
struct Chance(u64);

impl Chance {
    /// 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
