//! The pictures of a batch's results, and their embeddings as rows of one table.

use anyhow::{Context, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use half::f16;
use ndarray::Array2;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    line: u64,
    custom_id: Option<String>,
    url: Option<String>,
    response: Option<Response>,
}

#[derive(Debug, Deserialize)]
struct Response {
    body: Body,
}

#[derive(Debug, Deserialize)]
struct Body {
    embedding: Option<Embedding>,
}

#[derive(Debug, Deserialize)]
struct Embedding {
    model: Model,
    encoding: String,
    data: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Model {
    name: String,
    version: String,
}

/// What a picture is called in its batch.
#[derive(Debug)]
pub struct Picture {
    pub line: u64,
    pub custom_id: Option<String>,
    pub url: Option<String>,
}

/// Pictures as they come.
#[derive(Debug, Default)]
pub struct Pictures {
    pictures: Vec<Picture>,
    numbers: Vec<f32>,
    model: Option<Model>,
    /// Lines without one, where the model was away.
    without_embedding: u64,
}

#[derive(Debug)]
pub struct Found {
    pub pictures: Vec<Picture>,
    /// A row a picture, of length 1.
    pub vectors: Array2<f32>,
    pub without_embedding: u64,
}

impl Pictures {
    pub fn len(&self) -> usize {
        self.pictures.len()
    }

    /// Takes a line of results.
    pub fn take(&mut self, line: &[u8]) -> anyhow::Result<()> {
        let line: Line = serde_json::from_slice(line).context("a line of another version")?;
        let embedding = line.response.and_then(|response| response.body.embedding);
        let Some(embedding) = embedding else {
            self.without_embedding += 1;
            return Ok(());
        };
        let known = self.model.get_or_insert_with(|| embedding.model.clone());
        if *known != embedding.model {
            bail!("some embeddings are of another version of the model, and cannot be compared");
        }
        self.numbers.extend(embedding.numbers()?);
        self.pictures.push(Picture {
            line: line.line,
            custom_id: line.custom_id,
            url: line.url,
        });
        Ok(())
    }

    pub fn finish(self) -> anyhow::Result<Found> {
        let rows = self.pictures.len();
        if rows == 0 && self.without_embedding > 0 {
            bail!("no line has an embedding: submit the batch with `--with embedding`");
        }
        let dimension = self.numbers.len().checked_div(rows).unwrap_or_default();
        let vectors = Array2::from_shape_vec((rows, dimension), self.numbers);
        let mut vectors = vectors.context("the embeddings are of different lengths")?;
        // Rounded to halves, they are of length 1 but nearly.
        for mut row in vectors.rows_mut() {
            let length = row.dot(&row).sqrt();
            row /= length.max(f32::MIN_POSITIVE);
        }
        Ok(Found {
            pictures: self.pictures,
            vectors,
            without_embedding: self.without_embedding,
        })
    }
}

impl Embedding {
    fn numbers(&self) -> anyhow::Result<Vec<f32>> {
        if self.encoding != "float16" {
            let encoding = &self.encoding;
            bail!("embeddings are written as {encoding}, which this version does not read");
        }
        let bytes = STANDARD
            .decode(&self.data)
            .context("an embedding is no Base64")?;
        let halves = bytes.chunks_exact(size_of::<f16>());
        let numbers = halves.map(|half| f16::from_le_bytes([half[0], half[1]]).to_f32());
        Ok(numbers.collect())
    }
}

impl Found {
    pub fn likeness(&self, one: usize, other: usize) -> f32 {
        self.vectors.row(one).dot(&self.vectors.row(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, halves: Option<[f32; 2]>) -> Vec<u8> {
        let embedding = halves.map(|halves| {
            let bytes: Vec<u8> = halves.into_iter().flat_map(|it| f16::from_f32(it).to_le_bytes()).collect();
            serde_json::json!({"model": {"name": "m", "version": "1"}, "encoding": "float16", "data": STANDARD.encode(bytes)})
        });
        let line =
            serde_json::json!({"line": number, "response": {"body": {"embedding": embedding}}});
        line.to_string().into_bytes()
    }

    #[test]
    fn a_line_without_an_embedding_is_counted_and_copies_are_wholly_alike() {
        let mut pictures = Pictures::default();
        for taken in [
            line(1, Some([0.6, 0.8])),
            line(2, None),
            line(3, Some([0.6, 0.8])),
        ] {
            pictures.take(&taken).expect("a line");
        }
        let found = pictures.finish().expect("vectors");
        assert_eq!((found.pictures.len(), found.without_embedding), (2, 1));
        assert!((found.likeness(0, 1) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn where_no_line_has_one_it_is_said_how_to_get_them() {
        let mut pictures = Pictures::default();
        pictures.take(&line(1, None)).expect("a line");
        let error = pictures.finish().expect_err("nothing to compare");
        assert!(error.to_string().contains("--with embedding"), "{error}");
    }
}
