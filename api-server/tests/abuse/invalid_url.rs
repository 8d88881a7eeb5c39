//! URLs that are none, or none that an image is fetched from: the client's mistake.

use libtest_mimic::Trial;

use crate::suite::{Suite, case};

pub fn cases() -> Vec<Trial> {
    let long = format!("http://example.com/{}", "a".repeat(9 << 10));
    let urls = [
        ("empty", ""),
        ("relative", "cat.jpg"),
        ("relative_to_scheme", "//example.com/cat.jpg"),
        ("file", "file:///etc/passwd"),
        ("ftp", "ftp://example.com/cat.jpg"),
        ("gopher", "gopher://example.com/"),
        ("data", "data:image/png;base64,iVBORw0KGgo="),
        ("javascript", "javascript:alert(1)"),
        ("user_and_password", "http://user:password@example.com/"),
        ("user_alone", "http://user@example.com/"),
        ("port_22", "http://example.com:22/"),
        ("port_6379", "http://example.com:6379/"),
        ("port_too_large", "http://example.com:65536/"),
        ("nine_kilobytes", &long),
        ("raw_cr_lf", "http://example.com/a\r\nHost: b"),
        ("nul", "http://example.com/\0"),
        ("space_in_host", "http://exa mple.com/"),
        ("space_in_path", "http://example.com/a b.jpg"),
        ("backslashes", "http:\\\\example.com\\cat.jpg"),
        ("backslash_before_host", "http://example.com\\@127.0.0.1/"),
        ("bad_idn", "http://xn--a/"),
        ("one_slash", "http:/example.com/"),
    ];
    urls.map(|(name, url)| (name, url.to_owned()))
        .into_iter()
        .map(refused)
        .collect()
}

fn refused((name, url): (&str, String)) -> Trial {
    case(format!("invalid_url/{name}"), async move |suite: &Suite| {
        let reply = suite.post_url(&url).await;
        reply.is_problem(400, "invalid_url");
        assert_eq!(
            (&reply.json["stage"], &reply.json["retryable"]),
            (&"admit".into(), &false.into())
        );
    })
}
