use std::time::{Duration, Instant};

use super::{Completion, WaitEstimator, recent::Recent};

const MS: Duration = Duration::from_millis(1);

/// Returns what is known once so many were served one after the other, `each` taking so long, and `standing` stood before each.
fn served(standing: usize, each: Duration) -> (Recent, Instant) {
    let mut recent = Recent::default();
    let mut now = Instant::now();
    for _ in 0..200 {
        now += each;
        recent.note(standing, each * (standing as u32 + 1), now);
    }
    (recent, now)
}

fn foretold_ms(recent: &Recent, ahead: usize, now: Instant) -> f64 {
    let wait = recent.wait_s(ahead, f64::INFINITY, now);
    (wait.expect("something is known") * 1e3).round()
}

#[test]
fn a_wait_is_in_proportion_to_those_ahead() {
    let (recent, now) = served(40, 5 * MS);
    assert_eq!(foretold_ms(&recent, 40, now), 205.0);
    assert_eq!(foretold_ms(&recent, 99, now), 500.0);
    assert_eq!(foretold_ms(&recent, 0, now), 5.0);
}

#[test]
fn a_burst_on_an_idle_line_is_foretold_by_what_one_takes() {
    let (recent, now) = served(0, 5 * MS);
    assert_eq!(foretold_ms(&recent, 99, now), 500.0);
}

#[test]
fn a_line_that_grew_meanwhile_is_foretold_right() {
    // Ten times as many come as are served: each waits behind more than the one before.
    let mut recent = Recent::default();
    let start = Instant::now();
    for n in 0..200_u32 {
        let ahead = n - n / 10;
        recent.note(ahead as usize, 5 * MS * (ahead + 1), start + 5 * MS * n);
    }
    let now = start + 1000 * MS;
    let foretold = foretold_ms(&recent, 1_800, now);
    assert!((8_900.0..=9_100.0).contains(&foretold), "{foretold}");
}

#[test]
fn a_slower_service_is_known_after_a_few() {
    let (mut recent, mut now) = served(20, 5 * MS);
    for _ in 0..40 {
        now += 20 * MS;
        recent.note(20, 21 * 20 * MS, now);
    }
    let foretold = foretold_ms(&recent, 20, now);
    assert!((400.0..=440.0).contains(&foretold), "{foretold}");
}

#[test]
fn a_newcomer_does_not_take_the_others_wait_for_its_own_cost() {
    // Alone here, it waited 900 ms behind jobs of other servers, of which 1,000 are done in a second.
    let mut recent = Recent::default();
    let now = Instant::now();
    recent.note(0, 900 * MS, now);
    let wait_s = recent.wait_s(50, 2.0 / 1_000.0, now).expect("known");
    assert!((wait_s - 1.0).abs() < 1e-9, "{wait_s}");
}

#[test]
fn what_is_long_past_says_nothing() {
    let (recent, now) = served(40, 5 * MS);
    let later = now + Duration::from_secs(6);
    assert_eq!(recent.wait_s(40, f64::INFINITY, later), None);
}

#[test]
fn nothing_is_known_before_the_first_was_served_and_a_place_that_is_dropped_is_free() {
    let queue = WaitEstimator::default();
    assert_eq!(queue.wait_behind(1_000), None);
    let first = queue.enter(Completion::OnceServed);
    let second = queue.enter(Completion::OnceServed);
    assert_eq!(queue.inside(), 2);
    drop(second);
    first.served(10 * MS);
    assert_eq!(queue.inside(), 0);
    assert_eq!(queue.wait_behind(9), Some(100 * MS));
}

#[test]
fn a_line_that_stands_still_is_foretold_by_how_long_it_has() {
    let queue = WaitEstimator::default();
    let place = queue.enter(Completion::OnceServed);
    std::thread::sleep(20 * MS);
    let wait = queue.wait_behind(1).expect("it stands still");
    assert!(wait >= 20 * MS, "{wait:?}");
    drop(place);
    assert_eq!(queue.wait_behind(0), None, "nobody waits any more");
}

#[test]
fn who_waits_for_something_else_holds_up_nobody() {
    let queue = WaitEstimator::default();
    queue.enter(Completion::OnceServed).served(MS);
    let _caption = queue.enter(Completion::Later);
    std::thread::sleep(20 * MS);
    let wait = queue.wait_behind(1).expect("one was served");
    assert!(wait < 10 * MS, "{wait:?}");
}

#[test]
fn an_outage_is_no_wait() {
    let queue = WaitEstimator::default();
    let told = queue.enter(Completion::OnceServed);
    let _still_there = queue.enter(Completion::OnceServed);
    std::thread::sleep(Duration::from_millis(50));
    let stalled = queue.wait_behind(0).expect("nobody is served");
    assert!(stalled >= Duration::from_millis(50), "{stalled:?}");
    told.cut_off();
    let since = queue.wait_behind(0).unwrap_or_default();
    assert!(since < stalled, "{since:?} of {stalled:?}");
}

#[test]
fn who_stood_there_through_an_outage_does_not_tell_how_fast_the_line_moves() {
    let queue = WaitEstimator::default();
    let told = queue.enter(Completion::OnceServed);
    let through = queue.enter(Completion::OnceServed);
    let behind = queue.enter(Completion::OnceServed);
    told.cut_off();
    through.served(3_000 * MS);
    behind.served(3_000 * MS);
    assert_eq!(queue.wait_behind(40), None, "nothing is known of it yet");
    queue.enter(Completion::OnceServed).served(10 * MS);
    assert_eq!(queue.wait_behind(9), Some(100 * MS));
}

/// One publish that is lost opens no overloaded line to everybody.
#[test]
fn what_was_known_before_is_known_while_those_of_before_are_served() {
    let queue = WaitEstimator::default();
    queue.enter(Completion::OnceServed).served(50 * MS);
    let lost = queue.enter(Completion::OnceServed);
    let through = queue.enter(Completion::OnceServed);
    lost.cut_off();
    through.served(3_000 * MS);
    assert_eq!(queue.wait_behind(9), Some(500 * MS));
}

#[test]
fn a_job_that_was_tried_again_does_not_tell_how_fast_the_line_moves() {
    let queue = WaitEstimator::default();
    queue.enter(Completion::OnceServed).served(10 * MS);
    let deadly = queue.enter(Completion::OnceServed);
    deadly.served_again();
    assert_eq!(queue.wait_behind(9), Some(100 * MS));
}
