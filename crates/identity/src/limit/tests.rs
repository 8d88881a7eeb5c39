use super::*;
use crate::tests::bus;

fn rate(per_second: f64, burst: u32) -> Rate {
    Rate::new(per_second, Some(burst)).expect("a rate")
}

#[tokio::test]
async fn a_burst_passes_and_the_next_one_is_told_when() {
    let bus = bus().await;
    let limit = Limit::new("a", "default", rate(0.1, 3));
    let mut remaining = Vec::new();
    for _ in 0..3 {
        let left = limit.count(&bus).await.expect("within the burst");
        remaining.push(left.remaining);
    }
    assert_eq!(remaining, [2, 1, 0]);
    let refused = limit.count(&bus).await.expect_err("one too many");
    assert_eq!(refused.remaining, 0);
    let wait = refused.retry_after.expect("it is told");
    assert_eq!(wait.as_secs_f64().ceil(), 10.0);
}

#[test]
fn what_comes_back_slowly_is_leased_singly() {
    for (per_second, most) in [(0.01, 1), (1.0, 1), (10.0, 10), (300.0, MOST_LEASED)] {
        assert_eq!(most_leased(rate(per_second, 1_000)), most, "{per_second}");
    }
}

/// Two servers, each with many requests at once, and one bucket.
#[tokio::test(flavor = "multi_thread")]
async fn servers_share_what_the_fleet_allows() {
    let bus = bus().await;
    let servers = [(); 2].map(|()| Limit::new("a", "default", rate(0.01, 300)));
    let servers = std::sync::Arc::new(servers);
    let requests = (0..1_000).map(|n| {
        let bus = bus.clone();
        let servers = servers.clone();
        tokio::spawn(async move { servers[n % 2].count(&bus).await.is_ok() })
    });
    let mut passed = 0;
    for request in requests.collect::<Vec<_>>() {
        passed += u32::from(request.await.expect("it ends"));
    }
    assert!((297..=300).contains(&passed), "{passed}");
}

fn taken(granted: u32) -> Taken {
    Taken {
        granted,
        left: 1_000,
        wait: Duration::ZERO,
    }
}

/// As above, where a server takes several at once.
#[tokio::test(flavor = "multi_thread")]
async fn leases_give_no_more_than_the_fleet_allows() {
    const PER_SECOND: f64 = 100.0;
    let bus = bus().await;
    let limits = [(); 2].map(|()| Limit::new("a", "default", rate(PER_SECOND, 300)));
    assert_eq!(most_leased(limits[0].rate), MOST_LEASED);
    let servers = std::sync::Arc::new(limits);
    let began = Instant::now();
    let requests = (0..1_000).map(|n| {
        let bus = bus.clone();
        let servers = servers.clone();
        tokio::spawn(async move { servers[n % 2].count(&bus).await.is_ok() })
    });
    let mut passed = 0;
    for request in requests.collect::<Vec<_>>() {
        passed += u32::from(request.await.expect("it ends"));
    }
    let came_back = (began.elapsed().as_secs_f64() * PER_SECOND).ceil() as u32;
    assert!((297..=300 + came_back).contains(&passed), "{passed}");
}

#[test]
fn a_lease_is_as_long_as_what_it_is_used_for() {
    let start = Instant::now();
    let mut lease = Lease::new(MOST_LEASED);
    lease.take_in(taken(40), start);
    for _ in 0..40 {
        assert!(matches!(lease.count(start), Counted::Yes { .. }));
    }
    // 40 in 100 ms are 20 in 50 ms.
    let next = lease.count(start + Duration::from_millis(100));
    assert!(matches!(next, Counted::AskTheBus { most: 20 }));
}

#[test]
fn what_was_leased_long_ago_is_lost() {
    let start = Instant::now();
    let mut lease = Lease::new(MOST_LEASED);
    lease.take_in(taken(40), start);
    let next = lease.count(start + KEPT + Duration::from_millis(1));
    assert!(matches!(next, Counted::AskTheBus { most: 1 }));
}

#[tokio::test]
async fn without_the_bus_a_server_counts_alone() {
    let bus = bus().await;
    let limit = Limit::new("a", "default", rate(0.1, 2));
    limit.lease().away_until = Some(Instant::now() + LEFT_ALONE);
    assert!(limit.count(&bus).await.is_ok());
    assert!(limit.count(&bus).await.is_ok());
    let refused = limit.count(&bus).await.expect_err("one too many");
    let wait = refused.retry_after.expect("it is told");
    assert_eq!(wait.as_secs_f64().ceil(), 10.0);
}
