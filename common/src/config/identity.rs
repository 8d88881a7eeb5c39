//! What a process is called where nobody gave it a name.

/// Host, process and a random part: containers share process ids, restarts share both.
pub fn unique_name() -> String {
    let host =
        std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "host".into());
    let host: String = host
        .trim()
        .chars()
        .filter(|c| is_name_char(*c))
        .take(60)
        .collect();
    format!(
        "{host}-{}-{:04x}",
        std::process::id(),
        rand::random::<u16>()
    )
}

/// Names become parts of broker and bus keys, and of log lines.
pub fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len()) && name.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_name_is_a_name_and_unlike_the_next_one() {
        let one = unique_name();
        let two = unique_name();
        assert!(is_name(&one) && is_name(&two));
        assert!(!is_name("") && !is_name("a:b") && !is_name("a\nb") && !is_name(&"x".repeat(101)));
    }
}
