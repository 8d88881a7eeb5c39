use std::str::FromStr;

use clap::ValueEnum;
use common::wire::Language;

use super::CaptionerChoice;
use crate::captioning::When;

/// Who writes the captions that `--captioner` does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptionRoutes(Vec<(When, CaptionerChoice)>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    #[error("`{0}` is no rule such as bulk=template")]
    Form(String),
    #[error("`{0}` is none of realtime, bulk, en and ko")]
    When(String),
    #[error("`{0}` is none of llama, openai, template and off")]
    Captioner(String),
    #[error("there are two rules for `{0}`")]
    Twice(String),
    #[error(
        "`{0}`: the prompt and the guard of language models know English alone; Korean is the template's, or nobody's"
    )]
    Korean(String),
}

impl CaptionRoutes {
    pub fn iter(&self) -> impl Iterator<Item = (When, CaptionerChoice)> + '_ {
        self.0.iter().copied()
    }
}

impl FromStr for CaptionRoutes {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let mut routes = Vec::new();
        for rule in text
            .split(',')
            .map(str::trim)
            .filter(|rule| !rule.is_empty())
        {
            let (when, captioner) = route(rule)?;
            if routes.iter().any(|(other, _)| *other == when) {
                return Err(RouteError::Twice(rule.to_owned()));
            }
            routes.push((when, captioner));
        }
        Ok(Self(routes))
    }
}

fn route(rule: &str) -> Result<(When, CaptionerChoice), RouteError> {
    let (when, captioner) = rule
        .split_once('=')
        .ok_or_else(|| RouteError::Form(rule.to_owned()))?;
    let when = match when {
        "realtime" => When::Realtime,
        "bulk" => When::Bulk,
        "en" => When::Language(Language::En),
        "ko" => When::Language(Language::Ko),
        _ => return Err(RouteError::When(when.to_owned())),
    };
    let unknown = |_| RouteError::Captioner(captioner.to_owned());
    let captioner = <CaptionerChoice as ValueEnum>::from_str(captioner, false).map_err(unknown)?;
    if when == When::Language(Language::Ko) && captioner.is_a_model() {
        return Err(RouteError::Korean(rule.to_owned()));
    }
    Ok((when, captioner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_in_their_order() {
        let routes: CaptionRoutes = "bulk=template,ko=off,en=openai".parse().expect("valid");
        let read: Vec<_> = routes.iter().collect();
        assert_eq!(
            read,
            [
                (When::Bulk, CaptionerChoice::Template),
                (When::Language(Language::Ko), CaptionerChoice::Off),
                (When::Language(Language::En), CaptionerChoice::OpenAi),
            ]
        );
        assert_eq!("".parse(), Ok(CaptionRoutes::default()));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let refused = |text: &str| text.parse::<CaptionRoutes>().expect_err("no rule");
        assert_eq!(refused("bulk"), RouteError::Form("bulk".into()));
        assert_eq!(refused("night=template"), RouteError::When("night".into()));
        assert_eq!(refused("bulk=gpt"), RouteError::Captioner("gpt".into()));
        assert_eq!(
            refused("bulk=off,bulk=template"),
            RouteError::Twice("bulk=template".into())
        );
        assert_eq!(refused("ko=llama"), RouteError::Korean("ko=llama".into()));
        assert_eq!(refused("ko=openai"), RouteError::Korean("ko=openai".into()));
    }
}
