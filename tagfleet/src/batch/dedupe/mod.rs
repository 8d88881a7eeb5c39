//! `tagfleet batch dedupe`: which pictures of a batch look nearly alike.

mod groups;
mod nearness;
mod pictures;

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use common::config::SHARE;
use serde_json::json;

use super::client::Client;
use crate::address::id;
use pictures::{Picture, Pictures};

/// So many vectors of 1,280 numbers take 5 GB; each is compared with every other.
const MOST: usize = 1_000_000;

/// A product of 1,280 numbers is so far off.
const ROUNDING: f32 = 1e-5;

#[derive(Args)]
pub struct Dedupe {
    /// `batch_…`, whose `features` had `embedding`
    #[arg(value_parser = id)]
    batch: String,

    /// How alike two pictures are at the least: the cosine of their embeddings' angle
    #[arg(long, default_value_t = 0.9, value_parser = SHARE)]
    threshold: f64,
}

impl Dedupe {
    /// Prints a group a line, as soon as all are known; how many there are goes to standard error.
    pub async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let batch = client.get(&format!("/{}", self.batch)).await?;
        let status = batch["status"].as_str().unwrap_or_default();
        if !matches!(status, "completed" | "cancelled" | "expired" | "failed") {
            bail!("the batch is under way: pictures that are still to come would be left out");
        }
        let mut pictures = Pictures::default();
        client
            .each_line(&self.batch, "results", |line| {
                pictures.take(line)?;
                if pictures.len() > MOST {
                    bail!("more than {MOST} pictures are compared by an index of your own: docs/search.md tells how");
                }
                Ok(())
            })
            .await?;
        let found = pictures.finish()?;
        let least = self.threshold as f32 - ROUNDING;
        let groups = nearness::near(found.vectors.view(), least).into_lists();
        for group in &groups {
            let first = group[0];
            let members = group.iter().map(|picture| {
                let likeness = found.likeness(first, *picture);
                told(&found.pictures[*picture], likeness)
            });
            let images: Vec<_> = members.collect();
            println!("{}", json!({ "images": images }));
        }
        let copies: usize = groups.iter().map(|group| group.len() - 1).sum();
        let all = found.pictures.len();
        let groups = groups.len();
        eprintln!(
            "{all} pictures, {groups} groups, {copies} that another one is nearly the same as"
        );
        if found.without_embedding > 0 {
            let count = found.without_embedding;
            eprintln!(
                "{count} pictures have no embedding, since the model was away: they are left out"
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn told(picture: &Picture, likeness: f32) -> serde_json::Value {
    json!({
        "line": picture.line,
        "custom_id": picture.custom_id,
        "url": picture.url,
        "likeness": (f64::from(likeness) * 1e3).round() / 1e3,
    })
}
