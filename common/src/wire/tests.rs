use super::*;
use crate::budget::Budget;

/// A job and a tag as they were written before there were languages.
const OLD_JOB: &[u8] =
    b"\x8b\xa1v\x01\xa2id\xa5req_1\xa6tenant\xa4shop\xa8reply_to\xa5api-1\xa5model\xa4lite\xa8features\x82\xa4tags\xc3\
    \xa7caption\xc2\xa5limit\x05\xa9threshold\xca>\x80\x00\x00\
    \xafpublished_at_us\x01\xa9budget_ms\xcd\x13\x88\xa4tile\xc4\x02\xff\xd8";
const OLD_TAG: &[u8] =
    b"\x84\xa4name\xa3cat\xaaconfidence\xca?\x00\x00\x00\xa8category\xa6animal\xa7parents\x91\xa6animal";

fn asked() -> TagQuery {
    let features = Features {
        tags: true,
        caption: false,
        ..Features::default()
    };
    TagQuery {
        features,
        limit: None,
        threshold: None,
        language: Language::En,
        selection: Selection::default(),
        vocabulary: None,
        tenant_words: false,
    }
}

#[test]
fn an_old_job_is_one_in_english_without_a_selection() {
    let job: Job = decode(OLD_JOB).expect("it can still be read");
    assert_eq!(
        (
            job.id.as_str(),
            job.limit,
            job.budget_ms,
            job.tile.as_slice()
        ),
        ("req_1", Some(5), 5000, &b"\xff\xd8"[..])
    );
    assert_eq!(
        (job.language, job.selection.is_empty()),
        (Language::En, true)
    );
    let again: Job = decode(&encode(&job)).expect("its own writing is read");
    assert_eq!(again, job);
}

/// A job with tiles of 12 and 6 bytes.
fn job_with_pixels(budget: &Budget) -> Job {
    let mut job: Job = decode(OLD_JOB).expect("a job");
    job.tile = Vec::new();
    let held = budget.hold(18).expect("room");
    job.carry(RawTiles::new((0..18).collect(), [12, 6], held));
    job
}

#[test]
fn pixels_follow_their_message_and_are_not_copied_out_of_it() {
    let budget = Budget::new(1_024);
    let mut job = job_with_pixels(&budget);
    let sent = job.clone();
    let payload = job.take_payload();
    assert!(job.pixels.is_empty(), "they are in the message alone");
    let read = decode_job(&payload).expect("it can be read");
    assert_eq!(read, sent);
    let tiles: Vec<_> = read.pixels.tiles().collect();
    assert_eq!(
        tiles,
        [&(0..12).collect::<Vec<u8>>()[..], &[12, 13, 14, 15, 16, 17]]
    );
    assert!(payload.as_ptr_range().contains(&tiles[0].as_ptr()));
    drop((job, sent, read, payload));
    assert!(budget.hold(1).is_none(), "a tile is still there");
    drop(tiles);
    assert!(budget.hold(1).is_some());
}

#[test]
fn a_job_whose_pixels_are_cut_off_is_refused() {
    let budget = Budget::new(2_048);
    let mut job = job_with_pixels(&budget);
    let held = budget.hold(1).expect("room");
    job.pixels = RawTiles::new(vec![0; 18], [1 << 20], held);
    let refused = decode_job(&job.take_payload());
    assert!(matches!(refused, Err(WireError::CutShort)), "{refused:?}");
}

#[test]
fn who_knows_no_pixels_refuses_a_job_that_has_them() {
    let job = job_with_pixels(&Budget::new(1_024));
    assert!(job.v > asked::SCORED_JOB, "it would find no tile");
}

#[test]
fn an_old_tags_name_is_its_id() {
    let tag: Tag = rmp_serde::from_slice(OLD_TAG).expect("it can still be read");
    assert_eq!((tag.id(), tag.category_name()), ("cat", "animal"));
}

#[test]
fn what_an_older_worker_would_overlook_it_does_not_read() {
    assert_eq!(asked().version(), 1);
    assert_eq!(
        TagQuery {
            language: Language::Ko,
            ..asked()
        }
        .version(),
        2
    );
    let selection = Selection {
        exclude: vec!["cat".into()],
        ..Selection::default()
    };
    assert_eq!(
        TagQuery {
            selection,
            vocabulary: None,
            tenant_words: false,
            ..asked()
        }
        .version(),
        2
    );
    let newer = Job {
        v: NEWEST_READ + 1,
        ..decode(OLD_JOB).expect("a job")
    };
    assert!(matches!(
        decode::<Job>(&encode(&newer)),
        Err(WireError::TooNew(_))
    ));
}
