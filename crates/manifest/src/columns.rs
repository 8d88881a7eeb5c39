//! Which columns of a table, or keys of an object, hold the URL and the name.

use serde::{Deserialize, Serialize};

/// In the order in which they are preferred, without `_`, `-`, blanks and capitals.
const URLS: [&str; 14] = [
    "url",
    "imageurl",
    "imgurl",
    "photourl",
    "pictureurl",
    "fileurl",
    "link",
    "imagelink",
    "src",
    "imagesrc",
    "imgsrc",
    "uri",
    "imageuri",
    "href",
];
const IDS: [&str; 11] = [
    "customid",
    "id",
    "key",
    "imageid",
    "photoid",
    "externalid",
    "itemid",
    "rowid",
    "uid",
    "uuid",
    "guid",
];

/// The names that a list has for them. One that is not named here is found by what others call it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// `image.url` is what is called `url` in `image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The smaller, the better is the name.
    Url(usize),
    Id(usize),
}

impl Columns {
    pub fn role(&self, name: &str) -> Option<Role> {
        // What nearly every key of a long list is.
        match (name, &self.url, &self.id) {
            ("url", None, _) => return Some(Role::Url(0)),
            ("custom_id", _, None) if self.url.as_deref() != Some(name) => {
                return Some(Role::Id(0));
            }
            _ => {}
        }
        let name = normal(name);
        let rank = |said: Option<&str>, usual: &[&str]| match said {
            Some(said) => (normal(said) == name).then_some(0),
            None => usual.iter().position(|usual| *usual == name),
        };
        let url = rank(self.url.as_deref(), &URLS).map(Role::Url);
        url.or_else(|| rank(self.id.as_deref(), &IDS).map(Role::Id))
    }

    /// What of a path is left to be looked for in the object of that name.
    pub fn within(&self, name: &str) -> Option<Self> {
        let rest = |path: &Option<String>| {
            let (first, rest) = path.as_deref()?.split_once('.')?;
            (normal(first) == normal(name)).then(|| rest.to_owned())
        };
        let url = rest(&self.url);
        let id = rest(&self.id);
        let absent = || Some(String::new());
        (url.is_some() || id.is_some()).then(|| Self {
            url: url.or_else(absent),
            id: id.or_else(absent),
        })
    }

    /// What is said where no column fits.
    pub fn missing_url(&self, found: &[String]) -> String {
        let looked_for = match &self.url {
            Some(name) => format!("`{name}`"),
            None => "`url` (or `image_url`, `link`, `src`, `uri`)".to_owned(),
        };
        let mut names: Vec<_> = found
            .iter()
            .take(10)
            .map(|name| format!("`{name}`"))
            .collect();
        if names.is_empty() {
            names.push("nothing".to_owned());
        }
        format!(
            "has no column {looked_for}, and {}: name the right one with `url_column`",
            names.join(", ")
        )
    }
}

/// Numbers the columns of a table by what they are: the best URL and the best name.
pub fn find<'a>(columns: &Columns, names: impl Iterator<Item = &'a str>) -> [Option<usize>; 2] {
    let mut best: [Option<(usize, usize)>; 2] = [None, None];
    for (at, name) in names.enumerate() {
        let (which, rank) = match columns.role(name) {
            Some(Role::Url(rank)) => (0, rank),
            Some(Role::Id(rank)) => (1, rank),
            None => continue,
        };
        if best[which].is_none_or(|(before, _)| rank < before) {
            best[which] = Some((rank, at));
        }
    }
    best.map(|found| found.map(|(_, at)| at))
}

fn normal(name: &str) -> String {
    let is_sign = |c: &char| !matches!(c, '_' | '-') && !c.is_whitespace();
    let name = name.trim_matches(|c: char| matches!(c, '"' | '\'' | '\u{feff}'));
    name.chars()
        .filter(is_sign)
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_what_others_call_them() {
        let found = |names: &[&str]| find(&Columns::default(), names.iter().copied());
        assert_eq!(found(&["Custom ID", "URL"]), [Some(1), Some(0)]);
        assert_eq!(found(&["link", "image_url", "key"]), [Some(1), Some(2)]);
        assert_eq!(found(&["imageUrl", "id", "custom_id"]), [Some(0), Some(2)]);
        assert_eq!(found(&["size", "name"]), [None, None]);
    }

    #[test]
    fn what_is_named_is_looked_for_and_nothing_else() {
        let columns = Columns {
            url: Some("preview".to_owned()),
            id: None,
        };
        let found = |names: &[&str]| find(&columns, names.iter().copied());
        assert_eq!(found(&["url", "Preview", "id"]), [Some(1), Some(2)]);
        assert_eq!(found(&["url"]), [None, None]);
        assert!(
            columns
                .missing_url(&["url".to_owned()])
                .contains("`preview`")
        );
    }

    #[test]
    fn a_path_leads_into_an_object() {
        let columns = Columns {
            url: Some("image.url".to_owned()),
            id: None,
        };
        let inner = columns.within("image").expect("it leads there");
        assert_eq!(inner.role("url"), Some(Role::Url(0)));
        assert_eq!(inner.role("id"), None, "which is looked for outside");
        assert_eq!(columns.within("other"), None);
    }
}
