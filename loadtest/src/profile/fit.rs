//! The price of a message and of each job in it, from runs with bundles of different sizes.

/// `runs`: the mean bundle, and microseconds a job. A job costs `job + message / bundle`, so a line through these is fitted
/// by least squares. Returns message and job; neither is below 0.
pub fn message_and_job(runs: &[(f64, f64)]) -> (f64, f64) {
    let count = runs.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| runs.iter().map(of).sum::<f64>() / count.max(1.0);
    let mean_part = mean(&|run| 1.0 / run.0);
    let mean_us = mean(&|run| run.1);
    let together = mean(&|run| (1.0 / run.0 - mean_part) * (run.1 - mean_us));
    let spread = mean(&|run| (1.0 / run.0 - mean_part).powi(2));
    if spread < 1e-6 {
        return (0.0, mean_us);
    }
    let message = (together / spread).clamp(0.0, mean_us / mean_part);
    (message, (mean_us - message * mean_part).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_prices_are_found_and_one_size_alone_gives_the_sum() {
        let runs = [1.0, 2.0, 5.0].map(|bundle| (bundle, 30.0 + 120.0 / bundle));
        let (message, job) = message_and_job(&runs);
        assert!((message - 120.0).abs() < 1e-6 && (job - 30.0).abs() < 1e-6);
        assert_eq!(message_and_job(&[(1.0, 150.0), (1.0, 150.0)]), (0.0, 150.0));
    }
}
