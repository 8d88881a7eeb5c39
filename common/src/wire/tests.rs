use super::*;

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
        Err(WireError::TooNew(4))
    ));
}
