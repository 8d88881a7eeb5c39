//! What the text in a picture says: a dear question, asked only where another model is sure that there is text.

use std::{ops::Range, pin::pin, sync::Arc, time::Instant};

use common::{
    fault::{Code, Fault},
    model::{Gate, ModelKind, TileSpec},
    queue::Priority,
    stage::Stage,
    wire::{Grades, Job, RETURN_MARGIN, Reading},
};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::timeout_at;

use super::{
    AuxiliaryPicture, TaggingWorker,
    scoring::{no_tile, score, too_late},
};
use crate::{
    metrics::{AUXILIARY_FAILURES, AUXILIARY_RUNS, AUXILIARY_SKIPPED},
    tagging::{
        decode::Picture,
        reading::{
            Candidate, Letter, LineBox, Map, Page, Piece, Tile, cut_out, decode, in_reading_order,
            pieces, placed_together, transcribe,
        },
        served::{Served, Version},
    },
};

/// How many pieces of one picture wait for a reader at a time: those of others have their turn between them.
pub const PIECES_AT_ONCE: usize = 8;
/// Pieces of one picture that a reader is shown: they hold as much as is told of a picture.
const MOST_PIECES: usize = 400;
/// A line of which one reader is so sure is not shown to the next one.
const SURE: f32 = 0.9;

/// What was read, and when the last reader had looked.
#[derive(Debug, Default)]
pub struct Read {
    pub reading: Reading,
    pub finished: Option<Instant>,
}

/// How a job's pictures wait for an engine.
#[derive(Clone, Copy, Debug)]
struct Turn {
    priority: Priority,
    deadline: Instant,
    /// When what is read by then has to do: there is as much again left for the caption and the way back.
    late: Instant,
}

/// A piece of the line of that number, and what a version of its reader says of it.
struct ReadPiece {
    line: usize,
    own: Range<f32>,
    steps: Vec<f32>,
    version: Arc<Version>,
    finished: Instant,
}

impl ReadPiece {
    /// Returns the letters that are told by this piece and not by its neighbours.
    fn letters(&self) -> Vec<Letter<'_>> {
        let symbols = decode(&self.steps).into_iter();
        let mut letters: Vec<Letter<'_>> = symbols
            .map(|symbol| Letter {
                text: self.version.tagger.symbol(symbol.number),
                likely: symbol.likely,
                at: symbol.at,
            })
            .collect();
        placed_together(&mut letters);
        letters.retain(|letter| self.own.contains(&letter.at));
        letters
    }
}

impl TaggingWorker {
    /// Returns what a picture's text says, as far as there is some by `text`; nothing where that cannot be told in time.
    pub(super) async fn read(
        &self,
        job: &Job,
        also: AuxiliaryPicture,
        text: Option<&Grades>,
        priority: Priority,
        deadline: Instant,
    ) -> Option<Read> {
        let model = also.model.clone();
        let turn = Turn {
            priority,
            deadline,
            late: deadline.checked_sub(2 * RETURN_MARGIN).unwrap_or(deadline),
        };
        metrics::counter!(AUXILIARY_RUNS, "model" => model.clone()).increment(1);
        let read = self.try_read(also, text, turn).await;
        let read = read.inspect_err(|fault| {
            tracing::debug!(id = job.id, model, %fault, "the text in a picture was not read");
            metrics::counter!(AUXILIARY_FAILURES, "model" => model).increment(1);
        });
        read.ok()
    }

    async fn try_read(
        &self,
        also: AuxiliaryPicture,
        text: Option<&Grades>,
        turn: Turn,
    ) -> Result<Read, Fault> {
        let finder = self.served(&also.model)?;
        let text = text.ok_or_else(|| unread("It is not known whether there is text."))?;
        if !is_worth_reading(finder.stable().tagger.gate, text) {
            metrics::counter!(AUXILIARY_SKIPPED, "model" => also.model).increment(1);
            return Ok(Read::default());
        }
        let picture = Picture::new(also.tile, finder.tile());
        let finding = timeout_at(turn.late.into(), find_lines(finder, &picture, turn));
        let (lines, mut finished) = finding.await.map_err(|_| too_late())??;
        let mut page = Page::new(lines, finder.tile(), also.shown);
        let readers: Vec<&Served> = self.models.of_kind(ModelKind::Text).collect();
        if readers.is_empty() {
            return Err(unread("This worker has no model that reads lines."));
        }
        for reader in readers {
            match read_by(reader, &picture, &mut page, turn).await {
                Ok(looked) => finished = finished.max(looked.unwrap_or(finished)),
                // The first one has nothing before it; a later one leaves what others have read.
                Err(fault) if page.is_unread() => return Err(fault),
                Err(fault) => {
                    tracing::debug!(%fault, model = reader.name(), "one reader has failed");
                    page.cut_short(true);
                }
            }
        }
        Ok(Read {
            reading: page.reading(),
            finished: Some(finished),
        })
    }
}

/// Returns where lines are in a tile's pixels, in the order of reading.
async fn find_lines(
    finder: &Served,
    picture: &Picture,
    turn: Turn,
) -> Result<(Vec<LineBox>, Instant), Fault> {
    let scored = score(finder, turn.priority, picture.clone(), turn.deadline);
    let (scored, version) = scored.await?;
    let finished = scored.finished;
    let tile = finder.tile();
    let lines = off_the_loop(move || {
        let squares = &scored.scores;
        let width = map_width(tile, squares.len());
        let scale = f32::from(tile.width) / width as f32;
        let lines = Map::new(squares, width).lines(version.tagger.model.default_threshold);
        let lines = in_reading_order(lines).into_iter();
        lines.map(|line| line.scaled(scale)).collect()
    });
    Ok((lines.await?, finished))
}

/// Lets a reader look at those lines of which none was sure before it, as far as there is time. It returns when it had looked at
/// the last one.
async fn read_by(
    reader: &Served,
    picture: &Picture,
    page: &mut Page,
    turn: Turn,
) -> Result<Option<Instant>, Fault> {
    let unsure = page.less_sure_than(SURE);
    let tile = reader.tile();
    let shown = picture.clone();
    let cut = off_the_loop(move || cut_lines(&shown, &unsure, tile)).await??;
    let lines: Vec<usize> = cut.iter().map(|(line, _)| *line).collect();
    let shown = cut.into_iter().take(MOST_PIECES);
    let reading = stream::iter(shown).map(|(line, piece)| read_piece(reader, line, piece, turn));
    let until = tokio::time::sleep_until(turn.late.into());
    let reading = reading.buffered(PIECES_AT_ONCE).take_until(until);
    let read = until_one_fails(reading).await?;
    let next = lines.get(read.len());
    if next.is_some() {
        page.cut_short(read.len() < MOST_PIECES);
    }
    for pieces in read.chunk_by(|a, b| a.line == b.line) {
        let line = pieces[0].line;
        let is_whole = next.is_none_or(|next| *next != line);
        if is_whole {
            page.offer(line, candidate(pieces));
        }
    }
    Ok(read.iter().map(|piece| piece.finished).max())
}

/// Returns what was read before a piece could not be: that is as good as ever. Where the first one fails, there is nothing.
async fn until_one_fails(
    reading: impl Stream<Item = Result<ReadPiece, Fault>>,
) -> Result<Vec<ReadPiece>, Fault> {
    let mut reading = pin!(reading);
    let mut read = Vec::new();
    while let Some(piece) = reading.next().await {
        match piece {
            Ok(piece) => read.push(piece),
            Err(fault) if read.is_empty() => return Err(fault),
            Err(fault) => {
                tracing::debug!(%fault, "a piece of a line could not be read");
                break;
            }
        }
    }
    Ok(read)
}

async fn read_piece(
    reader: &Served,
    line: usize,
    piece: Piece,
    turn: Turn,
) -> Result<ReadPiece, Fault> {
    let Piece { rgb, own } = piece;
    let picture = Picture::decoded(rgb);
    let (scored, version) = score(reader, turn.priority, picture, turn.deadline).await?;
    Ok(ReadPiece {
        line,
        own,
        steps: scored.scores,
        version,
        finished: scored.finished,
    })
}

fn candidate(pieces: &[ReadPiece]) -> Candidate {
    let model = &pieces[0].version.tagger.model;
    Candidate {
        transcript: transcribe(pieces.iter().flat_map(ReadPiece::letters)),
        least: model.default_threshold,
        reader: model.id.clone(),
    }
}

/// Cuts lines out of a picture, so high as a reader takes them, and into pieces so wide as it takes them.
fn cut_lines(
    picture: &Picture,
    lines: &[(usize, LineBox)],
    reader: TileSpec,
) -> Result<Vec<(usize, Piece)>, Fault> {
    let rgb = picture
        .pixels()
        .map_err(|error| no_tile(error.to_string()))?;
    let tile = Tile::new(rgb, picture.width());
    let height = reader.height.into();
    let mut all = Vec::new();
    for (number, place) in lines {
        if all.len() > MOST_PIECES {
            break;
        }
        let strip = cut_out(tile, place, height);
        let cut = pieces(&strip, height, reader.width.into());
        all.extend(cut.into_iter().map(|piece| (*number, piece)));
    }
    Ok(all)
}

/// Returns whether the model that looks for text is sure enough of some.
fn is_worth_reading(gate: Option<Gate>, text: &Grades) -> bool {
    let least = gate.map_or(0.0, |gate| gate.text);
    let surest = text.grades.iter().map(|grade| grade.score);
    surest.fold(0.0, f32::max) >= least
}

/// Returns how many squares of a map lie in a row. It has as many in a pixel of the tile's height as of its width.
fn map_width(tile: TileSpec, squares: usize) -> usize {
    let pixels = f32::from(tile.width) * f32::from(tile.height);
    let scale = (squares as f32 / pixels).sqrt();
    ((f32::from(tile.width) * scale).round() as usize).max(1)
}

/// Runs what takes milliseconds where no other job waits for it.
async fn off_the_loop<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let running = tokio::task::spawn_blocking(run);
    running
        .await
        .map_err(|panicked| unread(panicked.to_string()))
}

fn unread(detail: impl Into<String>) -> Fault {
    Fault::new(Code::InferenceFailed, Stage::Infer, detail)
}

#[cfg(test)]
mod tests {
    use common::{
        model::Fit,
        wire::{Grade, ModelId},
    };

    use super::*;

    #[test]
    fn only_what_is_surely_text_is_read() {
        let text = |scores: &[f32]| Grades {
            model: ModelId {
                name: "text".into(),
                version: "1".into(),
            },
            grades: scores
                .iter()
                .map(|score| Grade {
                    id: "text".into(),
                    score: *score,
                })
                .collect(),
        };
        let gate = Some(Gate {
            plain: 0.0,
            text: 0.5,
        });
        assert!(is_worth_reading(gate, &text(&[0.6, 0.1])));
        assert!(!is_worth_reading(gate, &text(&[0.4, 0.1])));
        assert!(!is_worth_reading(gate, &text(&[])));
        assert!(is_worth_reading(None, &text(&[0.0])));
    }

    #[test]
    fn a_map_has_the_shape_of_its_tile() {
        let tile = TileSpec {
            width: 1_280,
            height: 960,
            fit: Fit::Pad,
        };
        assert_eq!(map_width(tile, 640 * 480), 640);
        assert_eq!(map_width(tile, 0), 1);
    }
}
