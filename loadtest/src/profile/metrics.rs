//! Sums and counts of a service's histograms.

/// Returns the sum of all series of a name whose labels hold `label`.
pub fn total(metrics: &str, name: &str, label: &str) -> f64 {
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
        .filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_name_are_added_and_others_are_not() {
        let metrics = "# HELP size_sum x\nsize_sum{queue=\"a\",priority=\"realtime\"} 8\n\
                       size_sum{queue=\"b\",priority=\"bulk\"} 16\nsize_sum_more 9\nsize_sum 1\n";
        assert_eq!(total(metrics, "size_sum", ""), 25.0);
        assert_eq!(total(metrics, "size_sum", "realtime"), 8.0);
    }
}
