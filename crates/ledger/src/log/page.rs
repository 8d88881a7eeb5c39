//! A page says what became of items: a line that sums up, the lines of those
//! that failed, then the lines of those that are done. A log consists of
//! pages, and so does the result of a shard, which is one page.

use std::collections::BTreeMap;

use bytes::Bytes;
use common::{
    fault::Fault,
    wire::{ModelId, Scores},
};
use scores::{Row, Rows, TableError, TableWriter};
use serde::Deserialize;
use serde_json::Value;

use super::head::{FIRST_LINE, Head, Marks};
use crate::{
    Item,
    forecast::Measured,
    tally::{Failure, HOSTS_COUNTED, Kind, Tally},
};

/// Longer names resolve nowhere (RFC 1035), and would be what a line that sums up consists of.
const HOST_BYTES: usize = 253;

/// What became of one item.
#[derive(Clone, Debug)]
pub struct Line {
    /// The item's place in the whole batch, from 0.
    pub number: u64,
    pub failure: Option<Failure>,
    pub json: Vec<u8>,
    /// Where scores are kept, of an image that was tagged.
    pub kept: Option<Box<Kept>>,
}

/// What is kept of an image, so that its tags can be made anew.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its row in the list, from 1.
    pub line: u64,
    pub custom_id: String,
    pub url: String,
    /// What was answered of the file, as JSON.
    pub image: String,
    pub model: ModelId,
    pub scores: Option<Scores>,
}

impl Line {
    /// Returns how much it takes until it is written.
    pub fn bytes(&self) -> usize {
        let scores = self.kept.as_ref().and_then(|kept| kept.scores.as_ref());
        self.json.len() + scores.map_or(0, |scores| scores.values.len())
    }
}

impl Kept {
    fn row(&self, place: u64) -> Row<'_> {
        let row = Row {
            place,
            line: self.line,
            custom_id: &self.custom_id,
            url: &self.url,
            image: &self.image,
            model: "",
            version: "",
            classes: 0,
            scores: &[],
        };
        row.scored(&self.model, self.scores.as_ref())
    }
}

/// An item's line in OpenAI's shape.
pub fn outcome(
    id: &str,
    item: &Item,
    number: u64,
    outcome: Result<&Value, (&Fault, u32)>,
    measured: Option<&Measured>,
) -> Line {
    let (response, error) = match outcome {
        Ok(body) => (
            serde_json::json!({"status_code": 200, "body": body}),
            Value::Null,
        ),
        Err((fault, attempts)) => {
            let error = serde_json::json!({
                "code": fault.code.name(), "stage": fault.stage.name(), "message": fault.detail,
                "retryable": fault.retryable, "attempts": attempts, "reason": fault.reason,
            });
            (Value::Null, error)
        }
    };
    let mut line = serde_json::json!({
        "id": id, "custom_id": item.custom_id, "line": item.row.unwrap_or(number + 1), "url": item.url, "response": response, "error": error,
    });
    if item.row.is_some() {
        line["place"] = (number + 1).into();
    }
    if let Some(measured) = measured {
        line["measured"] = serde_json::json!(measured);
    }
    let failure = outcome.err().map(|(fault, _)| Failure {
        code: fault.code.name(),
        reason: fault.reason,
        host: blamed(fault, &item.url),
    });
    Line {
        number,
        failure,
        json: line.to_string().into_bytes(),
        kept: None,
    }
}

/// The host, where it is the origin's fault.
fn blamed(fault: &Fault, url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let host = url.host_str().filter(|host| host.len() <= HOST_BYTES)?;
    (fault.stage == common::stage::Stage::Fetch).then(|| host.to_owned())
}

#[derive(Clone, Debug)]
pub struct Page {
    pub tally: Tally,
    first_line: u64,
    /// How much rest hosts have had, seconds, where a page says that and nothing of items.
    pub rests: Option<BTreeMap<String, u64>>,
    failed: Vec<u8>,
    completed: Vec<u8>,
    kept: Rows,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            tally: Tally::default(),
            first_line: FIRST_LINE,
            rests: None,
            failed: Vec::new(),
            completed: Vec::new(),
            kept: Rows::default(),
        }
    }
}

impl Page {
    pub fn of_rests(rests: &BTreeMap<String, u64>) -> Self {
        Self {
            rests: Some(rests.clone()),
            ..Self::default()
        }
    }

    pub fn push(&mut self, line: &Line) {
        let of = match &line.failure {
            None => {
                self.tally.completed += 1;
                &mut self.completed
            }
            Some(failure) => {
                self.tally.count(failure);
                &mut self.failed
            }
        };
        of.extend_from_slice(&line.json);
        of.push(b'\n');
        if let Some(kept) = &line.kept {
            self.kept.push(kept.row(line.number));
        }
    }

    pub fn encode(&self) -> Result<Bytes, TableError> {
        let scores = self.table()?;
        let mut marks = [Marks::default(), Marks::default()];
        marks[0].go_over(&self.failed);
        marks[1].go_over(&self.completed);
        let lengths = [self.failed.len() as u64, self.completed.len() as u64];
        let rests = self.rests.clone();
        let mut bytes = Self::head(&self.tally, lengths, marks, scores.len() as u64, rests);
        bytes.reserve_exact(self.failed.len() + self.completed.len() + scores.len());
        bytes.extend_from_slice(&self.failed);
        bytes.extend_from_slice(&self.completed);
        bytes.extend_from_slice(&scores);
        Ok(bytes.into())
    }

    /// A page's scores lie in its own object: so either both are there or neither is.
    fn table(&self) -> Result<Bytes, TableError> {
        if self.kept.is_empty() {
            return Ok(Bytes::new());
        }
        let mut table = TableWriter::new()?;
        table.push(&self.kept)?;
        table.finish()
    }

    /// The line that sums up. Lengths and marks: of those that failed, and of those that are done.
    pub fn head(
        tally: &Tally,
        [failed_bytes, completed_bytes]: [u64; 2],
        [failed_marks, completed_marks]: [Marks; 2],
        scores_bytes: u64,
        rests: Option<BTreeMap<String, u64>>,
    ) -> Vec<u8> {
        let mut tally = tally.clone();
        tally.keep_hosts(HOSTS_COUNTED);
        let head = Head {
            tally,
            first_line: FIRST_LINE,
            failed_bytes,
            completed_bytes,
            failed_marks: failed_marks.within(failed_bytes),
            completed_marks: completed_marks.within(completed_bytes),
            scores_bytes,
            rests,
        };
        let mut bytes = serde_json::to_vec(&head).expect("maps have text as keys");
        bytes.push(b'\n');
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, length) = Head::read(bytes)?;
        let cut = |range: std::ops::Range<u64>| bytes.get(range.start as usize..range.end as usize);
        let failed = cut(head.range(length, Kind::Failed))?.to_vec();
        let completed = cut(head.range(length, Kind::Completed))?.to_vec();
        Some(Self {
            tally: head.tally,
            first_line: head.first_line,
            rests: head.rests,
            failed,
            completed,
            // Nobody asks for them but who puts the pages together.
            kept: Rows::default(),
        })
    }

    /// Places in the batch of all items that the page speaks of.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        #[derive(Deserialize)]
        struct Numbered {
            line: u64,
            /// Where the line is that of the list, and not of the sample.
            place: Option<u64>,
        }
        let first = self.first_line;
        let lines = [&self.failed, &self.completed]
            .into_iter()
            .flat_map(|lines| lines.split(|byte| *byte == b'\n'));
        lines
            .filter_map(|line| serde_json::from_slice::<Numbered>(line).ok())
            .filter_map(move |numbered| numbered.place.unwrap_or(numbered.line).checked_sub(first))
    }
}

#[cfg(test)]
mod tests {
    use common::{
        fault::{Code, Reason},
        stage::Stage,
    };

    use super::*;
    use crate::log::HEAD_BYTES;
    use crate::tally::HOSTS_TOLD;

    fn line(number: u64, failed: bool) -> Line {
        of_host(number, failed, &format!("h{number}.example"))
    }

    fn of_host(number: u64, failed: bool, host: &str) -> Line {
        let item = Item::new(format!("c{number}"), format!("http://{host}/"));
        let fault = Fault::new(Code::SourceTimeout, Stage::Fetch, "slow");
        outcome(
            "item_1",
            &item,
            number,
            if failed {
                Err((&fault, 3))
            } else {
                Ok(&Value::Null)
            },
            None,
        )
    }

    #[test]
    fn a_page_survives_the_store() {
        let mut page = Page::default();
        (0..5).for_each(|n| page.push(&line(n, n % 2 == 0)));
        (5..7).for_each(|n| page.push(&line(n, n == 6)));
        let read = Page::decode(&page.encode().expect("a page")).expect("a page");
        assert_eq!(read.tally, page.tally);
        assert_eq!(
            (
                read.tally.completed,
                read.tally.failed,
                read.tally.by_code["source_timeout"]
            ),
            (3, 4, 4)
        );
        assert_eq!(read.tally.by_host["h6.example"], 1);
        let mut numbers: Vec<_> = read.numbers().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
        let bytes = page.encode().expect("a page");
        let (head, length) = Head::read(&bytes[..200.min(bytes.len())])
            .or_else(|| Head::read(&bytes))
            .expect("a head");
        let failed = head.range(length, Kind::Failed);
        let lines = &bytes[failed.start as usize..failed.end as usize];
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 4);
        assert!(Page::decode(b"nonsense\n").is_none());
    }

    #[test]
    fn what_came_instead_of_an_image_is_counted_and_told() {
        let item = Item::new("c1", "http://h.example/");
        let fault = Fault::new(Code::UnsupportedFormat, Stage::Prepare, "A PDF document.");
        let fault = fault.because(Reason::Pdf);
        let line = outcome("item_1", &item, 1, Err((&fault, 1)), None);
        let told: Value = serde_json::from_slice(&line.json).expect("JSON");
        assert_eq!(told["error"]["reason"], "pdf");
        let mut page = Page::default();
        page.push(&line);
        page.push(&of_host(2, true, "h.example"));
        let mut tally = Page::decode(&page.encode().expect("a page"))
            .expect("a page")
            .tally;
        tally.add(&page.tally);
        assert_eq!(tally.by_reason, [("pdf".to_owned(), 2)].into());
        assert_eq!(tally.by_code["source_timeout"], 2);
    }

    #[test]
    fn a_head_stays_short_however_many_hosts_fail() {
        let mut page = Page::default();
        for n in 0..5_000 {
            page.push(&line(n, true));
        }
        let bytes = page.encode().expect("a page");
        let (head, length) = Head::read(&bytes).expect("a head");
        assert!(length < HEAD_BYTES, "{length}");
        assert_eq!(
            (head.tally.failed, head.tally.by_host.len()),
            (5_000, HOSTS_COUNTED)
        );
        assert_eq!(head.tally.brief().by_host.len(), HOSTS_TOLD);
    }

    #[test]
    fn a_head_stays_short_however_long_the_names_of_hosts_are() {
        let mut page = Page::default();
        for n in 0..HOSTS_COUNTED as u64 {
            page.push(&of_host(
                n,
                true,
                &format!("{}{n:03}", "a".repeat(HOST_BYTES - 3)),
            ));
            page.push(&of_host(
                n,
                true,
                &format!("{}{n:03}", "a".repeat(HOST_BYTES - 2)),
            ));
        }
        let (head, length) = Head::read(&page.encode().expect("a page")).expect("a head");
        assert!(length < HEAD_BYTES, "{length}");
        assert_eq!(
            (head.tally.failed, head.tally.by_host.len()),
            (400, HOSTS_COUNTED)
        );
        assert!(
            head.tally
                .by_host
                .keys()
                .all(|host| host.len() == HOST_BYTES),
            "longer ones are not named"
        );
    }
}
