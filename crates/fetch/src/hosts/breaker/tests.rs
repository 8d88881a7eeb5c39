use super::*;

const PAUSE: Duration = Duration::from_secs(10);
const FAILED: Verdict = Verdict::Failed(Code::SourceTimeout);

fn breaker() -> (Breaker, Instant) {
    (
        Breaker::new(Limits {
            failures: 3,
            pause: PAUSE,
        }),
        Instant::now(),
    )
}

fn visit(breaker: &mut Breaker, verdict: Verdict, now: Instant) -> Option<Duration> {
    let entry = breaker.enter(now).expect("may enter");
    breaker.leave(entry, verdict, now, 0.0)
}

fn opened() -> (Breaker, Instant) {
    let (mut breaker, now) = breaker();
    assert_eq!(visit(&mut breaker, FAILED, now), None);
    assert_eq!(visit(&mut breaker, FAILED, now), None);
    assert_eq!(visit(&mut breaker, FAILED, now), Some(PAUSE));
    (breaker, now)
}

#[test]
fn opens_after_failures_in_a_row_and_says_why() {
    let (breaker, now) = opened();
    assert_eq!(breaker.refuses(now + PAUSE / 2), Some(Code::SourceTimeout));
    assert_eq!(breaker.refuses(now + PAUSE), None);
}

#[test]
fn a_success_between_failures_starts_the_count_again() {
    let (mut breaker, now) = breaker();
    for verdict in [
        FAILED,
        FAILED,
        Verdict::Served,
        FAILED,
        FAILED,
        Verdict::Moved,
        Verdict::Unknown,
    ] {
        assert_eq!(visit(&mut breaker, verdict, now), None);
    }
    assert_eq!(
        visit(&mut breaker, FAILED, now),
        Some(PAUSE),
        "redirects are no success"
    );
}

#[test]
fn wasted_downloads_open_it_sooner() {
    let (mut breaker, now) = breaker();
    assert_eq!(
        visit(&mut breaker, Verdict::Wasteful(Code::SourceTooLarge), now),
        None
    );
    assert_eq!(
        visit(&mut breaker, Verdict::Wasteful(Code::SourceTooLarge), now),
        Some(PAUSE)
    );
}

#[test]
fn one_probe_at_a_time_and_the_pause_doubles_to_its_cap() {
    let (mut breaker, mut now) = opened();
    for (probe, pause) in (1..).map(Entry::Probe).zip([20, 40, 80, 160, 300, 300]) {
        now += LONGEST_PAUSE;
        assert_eq!(breaker.enter(now), Ok(probe));
        assert_eq!(
            breaker.enter(now),
            Err(Code::SourceTimeout),
            "the second one waits for the first"
        );
        let verdict = Verdict::Failed(Code::SourceUnreachable);
        assert_eq!(
            breaker.leave(probe, verdict, now, 0.0),
            Some(Duration::from_secs(pause))
        );
        assert_eq!(
            breaker.refuses(now),
            Some(Code::SourceUnreachable),
            "the code of the last failure"
        );
        breaker.state = State::Open {
            until: now,
            code: Code::SourceTimeout,
        };
    }
}

#[test]
fn a_probe_that_succeeds_closes_it_for_good() {
    let (mut breaker, now) = opened();
    let now = now + PAUSE;
    assert_eq!(visit(&mut breaker, Verdict::Served, now), None);
    assert_eq!((breaker.failures, breaker.opened), (0, 0));
}

#[test]
fn a_late_success_of_an_earlier_visit_closes_it_and_a_late_failure_changes_nothing() {
    let (mut breaker, now) = opened();
    assert_eq!(
        breaker.leave(
            Entry::Normal,
            Verdict::Failed(Code::SourceTooLarge),
            now,
            0.0
        ),
        None
    );
    assert_eq!(breaker.refuses(now), Some(Code::SourceTimeout));
    breaker.leave(Entry::Normal, Verdict::Served, now, 0.0);
    assert_eq!(breaker.refuses(now), None);
}

#[test]
fn a_redirecting_probe_lets_others_in_until_the_next_failure() {
    let (mut breaker, now) = opened();
    let now = now + PAUSE;
    assert_eq!(visit(&mut breaker, Verdict::Moved, now), None);
    assert_eq!(visit(&mut breaker, FAILED, now), Some(PAUSE * 2));
}

#[test]
fn a_probe_that_is_given_up_leaves_its_place_to_the_next() {
    let (mut breaker, now) = opened();
    let now = now + PAUSE;
    assert_eq!(visit(&mut breaker, Verdict::Unknown, now), None);
    assert_eq!(breaker.enter(now), Ok(Entry::Probe(2)));
}

#[test]
fn a_host_that_asks_for_a_rest_gets_it_and_then_a_probe() {
    let (mut breaker, now) = breaker();
    breaker.back_off(now, PAUSE);
    assert_eq!(
        breaker.refuses(now + PAUSE / 2),
        Some(Code::SourceHttpError)
    );
    assert_eq!(
        breaker.open_circuit(now + PAUSE / 2),
        Some(OpenCircuit {
            left: PAUSE / 2,
            backs_off: true
        })
    );
    breaker.back_off(now, PAUSE / 2);
    assert_eq!(
        breaker.open_circuit(now).map(|host| host.left),
        Some(PAUSE),
        "no shorter than it was"
    );
    // The verdict on the visit that brought the wish changes nothing.
    assert_eq!(breaker.leave(Entry::Normal, FAILED, now, 0.0), None);
    assert_eq!(breaker.enter(now + PAUSE), Ok(Entry::Probe(1)));
    assert_eq!(
        breaker.leave(Entry::Probe(1), FAILED, now + PAUSE, 0.0),
        None
    );
    assert_eq!(
        breaker.open_circuit(now + PAUSE),
        None,
        "one failure does not open the circuit"
    );
    breaker.back_off(now, PAUSE * 1_000_000);
    assert_eq!(
        breaker.open_circuit(now).map(|host| host.left),
        Some(LONGEST_BACK_OFF)
    );
}

#[test]
fn a_success_of_before_does_not_end_a_rest() {
    let (mut breaker, now) = breaker();
    breaker.back_off(now, PAUSE);
    breaker.leave(Entry::Normal, Verdict::Served, now + PAUSE / 2, 0.0);
    assert_eq!(
        breaker.open_circuit(now + PAUSE / 2),
        Some(OpenCircuit {
            left: PAUSE / 2,
            backs_off: true
        })
    );
    assert_eq!(
        visit(&mut breaker, Verdict::Served, now + PAUSE),
        None,
        "the probe ends it"
    );
    assert_eq!(breaker.open_circuit(now + PAUSE), None);
}

#[test]
fn a_probe_of_an_earlier_opening_is_a_visitor() {
    let (mut breaker, now) = opened();
    let now = now + PAUSE;
    let early = breaker.enter(now).expect("the first probe");
    // A visit of before ends well, and the host fails anew.
    breaker.leave(Entry::Normal, Verdict::Served, now, 0.0);
    for _ in 0..3 {
        visit(&mut breaker, FAILED, now);
    }
    let now = now + PAUSE;
    let late = breaker.enter(now).expect("the second probe");
    assert_eq!(breaker.leave(early, FAILED, now, 0.0), None);
    assert_eq!(
        breaker.refuses(now),
        Some(Code::SourceTimeout),
        "one is out"
    );
    assert_eq!(breaker.leave(late, Verdict::Served, now, 0.0), None);
    assert_eq!(breaker.refuses(now), None);
}

#[test]
fn pauses_are_spread() {
    let (mut breaker, now) = breaker();
    breaker.failures = 2;
    assert_eq!(
        breaker.leave(Entry::Normal, FAILED, now, 1.0),
        Some(PAUSE.mul_f64(1.25))
    );
}
