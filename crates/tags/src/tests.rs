use common::{
    model::ModelKind,
    wire::{Language, Selection, Tag},
};

use super::*;

fn taxonomy() -> Taxonomy {
    let labels = r#"{"classes":[
        {"name":"tabby","category":"animal","parents":["cat","animal"],"synonyms":["mackerel"],
         "ko":"태비 고양이","ko_synonyms":["얼룩 고양이"]},
        {"name":"Egyptian cat","category":"animal","parents":["cat","animal"],"ko":"이집트 고양이"},
        {"name":"beagle","category":"animal","parents":["dog","animal"],"ko":"비글"},
        {"name":"espresso","category":"food","parents":["drink"],"synonyms":["dog"],"ko":"에스프레소"},
        {"name":"hen","category":"animal","parents":["animal"],"ko":"암탉","ko_synonyms":["닭"]},
        {"name":"rooster","category":"animal","parents":["animal"],"ko":"수탉","ko_synonyms":["닭"]}],
        "parents":{"cat":{"category":"animal","ko":"고양이"},"dog":{"category":"animal","ko":"개"},
                   "animal":{"category":"animal","ko":"동물"},"drink":{"category":"food"}},
        "categories":{"animal":{"ko":"동물","ko_synonyms":["짐승"]},"food":{"ko":"음식"}}}"#;
    Taxonomy::from_json(labels.as_bytes()).expect("valid labels")
}

const CATS: [f32; 6] = [0.45, 0.4, 0.05, 0.01, 0.04, 0.03];

fn choice(taxonomy: &Taxonomy, threshold: f32, limit: usize) -> Choice<'_> {
    let filter = Filter::new(taxonomy, &Selection::default()).expect("no names, none unknown");
    Choice {
        threshold,
        limit,
        filter,
        language: Language::En,
    }
}

fn tags(kind: ModelKind, scores: [f32; 6], threshold: f32, limit: usize) -> Vec<Tag> {
    let taxonomy = taxonomy();
    selected_of(
        &taxonomy,
        kind,
        &Believed::plainly(scores),
        &choice(&taxonomy, threshold, limit),
    )
}

fn selected_of(
    taxonomy: &Taxonomy,
    kind: ModelKind,
    believed: &Believed,
    choice: &Choice,
) -> Vec<Tag> {
    let said = select(taxonomy, kind, believed, choice).into_iter();
    said.map(|it| it.tag(taxonomy, choice.language)).collect()
}

fn ids(tags: &[Tag]) -> Vec<&str> {
    tags.iter().map(Tag::id).collect()
}

#[test]
fn an_unsure_breed_is_a_sure_cat() {
    let tags = tags(ModelKind::Softmax, CATS, 0.1, 10);
    assert_eq!(ids(&tags), ["cat", "animal", "tabby", "Egyptian cat"]);
    assert!((tags[0].confidence - 0.85).abs() < 1e-6);
    assert_eq!(tags[0].parents, ["animal"]);
    assert_eq!(tags[2].parents, ["cat", "animal"]);
}

#[test]
fn a_sure_class_leads_its_parents() {
    assert_eq!(
        ids(&tags(
            ModelKind::Softmax,
            [0.0, 0.0, 0.0, 0.95, 0.0, 0.0],
            0.1,
            10
        )),
        ["espresso", "drink"]
    );
    assert_eq!(
        ids(&tags(
            ModelKind::Softmax,
            [0.9, 0.05, 0.0, 0.0, 0.0, 0.0],
            0.1,
            2
        )),
        ["tabby", "cat"]
    );
}

#[test]
fn nothing_certain_is_an_answer() {
    assert!(
        tags(
            ModelKind::Softmax,
            [0.05, 0.02, 0.02, 0.05, 0.0, 0.0],
            0.2,
            10
        )
        .is_empty()
    );
}

#[test]
fn where_nothing_can_be_certain_no_sum_of_children_is() {
    let taxonomy = taxonomy();
    let believed = Believed {
        most: 0.49,
        ..Believed::plainly(CATS)
    };
    let tags = selected_of(
        &taxonomy,
        ModelKind::Softmax,
        &believed,
        &choice(&taxonomy, 0.1, 10),
    );
    assert_eq!(ids(&tags), ["cat", "animal", "tabby", "Egyptian cat"]);
    assert!(tags.iter().all(|tag| tag.confidence <= 0.49), "{tags:?}");
}

#[test]
fn questions_of_their_own_do_not_add_up() {
    let tags = tags(ModelKind::Sigmoid, [0.6, 0.7, 0.0, 0.0, 0.0, 0.0], 0.65, 10);
    let cat = tags
        .iter()
        .find(|tag| tag.id == "cat")
        .expect("the surest cat is sure enough");
    assert_eq!(cat.confidence, 0.7);
}

#[test]
fn korean_answers_keep_their_ids() {
    let taxonomy = taxonomy();
    let korean = Choice {
        language: Language::Ko,
        ..choice(&taxonomy, 0.01, 10)
    };
    let tags = selected_of(
        &taxonomy,
        ModelKind::Softmax,
        &Believed::plainly(CATS),
        &korean,
    );
    let tag = |id: &str| {
        tags.iter()
            .find(|tag| tag.id == id)
            .expect("above the threshold")
    };
    let tabby = tag("tabby");
    assert_eq!(
        (tabby.name.as_str(), &tabby.parents[..]),
        ("태비 고양이", &["고양이".to_owned(), "동물".to_owned()][..])
    );
    assert_eq!(
        (tabby.category.as_str(), tabby.category_name.as_str()),
        ("animal", "동물")
    );
    // Labels without Korean are answered in English.
    assert_eq!(tag("drink").name, "drink");
}

/// Ids of what is answered of `CATS` to a selection of the three lists.
fn selected(categories: &[&str], include: &[&str], exclude: &[&str]) -> Vec<String> {
    try_selected(categories, include, exclude).expect("known names")
}

fn refused(categories: &[&str], include: &[&str], exclude: &[&str]) -> String {
    try_selected(categories, include, exclude)
        .expect_err("an unknown name")
        .to_string()
}

fn try_selected(
    categories: &[&str],
    include: &[&str],
    exclude: &[&str],
) -> Result<Vec<String>, UnknownName> {
    let taxonomy = taxonomy();
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let selection = Selection {
        categories: own(categories),
        include: own(include),
        exclude: own(exclude),
    };
    let filter = Filter::new(&taxonomy, &selection)?;
    let choice = Choice {
        filter,
        ..choice(&taxonomy, 0.005, 3)
    };
    let tags = selected_of(
        &taxonomy,
        ModelKind::Softmax,
        &Believed::plainly(CATS),
        &choice,
    );
    Ok(tags.into_iter().map(|tag| tag.id).collect())
}

/// Several models look at a picture: a name is unknown where none of them has it.
#[test]
fn a_name_of_another_model_is_no_fault() {
    let own = taxonomy();
    let pages = r#"{"classes":[{"name":"text","category":"document","parents":["document"]}],
        "parents":{"document":{"category":"document"}},"categories":{"document":{}}}"#;
    let pages = Taxonomy::from_json(pages.as_bytes()).expect("valid labels");
    let names = |include: &str, categories: &[&str]| Selection {
        include: vec![include.to_owned()],
        categories: categories.iter().map(|name| (*name).to_owned()).collect(),
        exclude: Vec::new(),
    };
    let document = names("document", &["document"]);
    assert!(filter::check(&[&own], &document).is_err());
    assert_eq!(filter::check(&[&own, &pages], &document), Ok(()));
    assert!(
        Filter::of_known(&own, &document).is_none(),
        "it tells nothing"
    );
    let nowhere = filter::check(&[&own, &pages], &names("documant", &[]));
    let said = nowhere.expect_err("a typing error").to_string();
    assert_eq!(said, "include: this model has no tag `documant`.");
}

#[test]
fn what_is_included_comes_with_what_is_below_it_and_before_the_limit() {
    for cat in ["cat", "Cat", "고양이", "고 양이"] {
        assert_eq!(selected(&[], &[cat], &[]), ["cat", "tabby", "Egyptian cat"]);
    }
    assert_eq!(selected(&[], &["얼룩고양이"], &[]), ["tabby"]);
    assert_eq!(
        selected(&[], &["MACKEREL", "dog"], &[]),
        ["tabby", "beagle", "dog"]
    );
    for food in ["food", "음식"] {
        assert_eq!(selected(&[food], &[], &[]), ["espresso", "drink"]);
    }
    assert!(selected(&["food"], &["cat"], &[]).is_empty());
}

#[test]
fn what_is_excluded_goes_with_what_is_below_it() {
    assert_eq!(selected(&[], &[], &["cat"]), ["animal", "beagle", "dog"]);
    assert_eq!(
        selected(&[], &["animal"], &["tabby", "비글"]),
        ["cat", "animal", "Egyptian cat"]
    );
    assert!(selected(&["animal"], &[], &["동물"]).is_empty());
}

#[test]
fn a_word_for_several_tags_means_all_and_an_id_its_own() {
    assert_eq!(selected(&[], &["닭"], &[]), ["hen", "rooster"]);
    // Also a synonym of espresso.
    assert_eq!(selected(&[], &["dog"], &[]), ["beagle", "dog"]);
}

#[test]
fn names_that_the_model_does_not_know_are_faults() {
    assert_eq!(
        refused(&[], &[], &["catt"]),
        "exclude: this model has no tag `catt`."
    );
    assert_eq!(
        refused(&[], &["cat", ""], &[]),
        "include: this model has no tag ``."
    );
    assert_eq!(
        refused(&["cat"], &[], &[]),
        "categories: this model has no category `cat`."
    );
}

#[test]
fn moderation_labels_need_neither_parents_nor_korean() {
    let labels = r#"{"classes":[{"name":"nudity","category":"moderation","parents":["unsafe"]},
        {"name":"violence","category":"moderation","parents":["unsafe"]},{"name":"beach","category":"nature"}],
        "parents":{"unsafe":{"category":"moderation"}}}"#;
    let taxonomy = Taxonomy::from_json(labels.as_bytes()).expect("valid labels");
    let selection = Selection {
        categories: vec!["Moderation".into()],
        ..Selection::default()
    };
    let filter = Filter::new(&taxonomy, &selection).expect("a category");
    let moderating = Choice {
        filter,
        ..choice(&taxonomy, 0.1, 10)
    };
    let tags = selected_of(
        &taxonomy,
        ModelKind::Sigmoid,
        &Believed::plainly([0.8, 0.7, 0.99]),
        &moderating,
    );
    assert_eq!(ids(&tags), ["nudity", "unsafe", "violence"]);
    assert_eq!(tags[1].confidence, 0.8);
}
