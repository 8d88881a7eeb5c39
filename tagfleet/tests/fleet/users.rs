//! A fleet whose roles have users of their own at the broker and at Redis, and what it writes into its logs meanwhile.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use testing::servers::{RabbitMq, Redis, eventually, unique};

use crate::support::{
    process::{Process, fetching},
    samples::Origin,
};

/// Passwords of the users, by name, and whatever else nobody may read in a log.
struct Secrets(BTreeMap<&'static str, String>);

impl Secrets {
    fn new() -> Self {
        let names = [
            "OPERATOR",
            "DECLARER",
            "API",
            "MIGRATOR",
            "WORKER",
            "webhook-secret-of-many-letters",
            "signature",
            "user-info",
            "wrong-key",
            "wrong-password",
        ];
        Self(
            names
                .map(|name| (name, unique(&name.to_lowercase())))
                .into(),
        )
    }

    fn of(&self, name: &str) -> &str {
        &self.0[name]
    }

    /// Writes a file of deploy/ with passwords in it.
    fn deployed(&self, file: &str, folder: &Path) -> PathBuf {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../deploy")
            .join(file);
        let mut text = std::fs::read_to_string(path).expect("it is there");
        for (name, secret) in &self.0 {
            text = text.replace(&format!("PASSWORD_{name}"), secret);
        }
        let written = folder.join(file.replace('/', "-"));
        std::fs::write(&written, text).expect("it is written");
        written
    }
}

struct Fleet {
    folder: TempDir,
    secrets: Secrets,
    rabbitmq: RabbitMq,
    redis: Redis,
}

impl Fleet {
    async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let secrets = Secrets::new();
        let users = secrets.deployed("redis/users.conf", folder.path());
        let include = format!("--include '{}'", users.display());
        let (rabbitmq, redis) = tokio::join!(RabbitMq::start(), Redis::start_with(&include));
        let users = secrets.deployed("rabbitmq/users.json", folder.path());
        let file = users.display().to_string();
        rabbitmq.ctl(&["import_definitions", &file]).await;
        Self {
            folder,
            secrets,
            rabbitmq,
            redis,
        }
    }

    fn settings(&self, user: &str) -> Vec<(&'static str, String)> {
        let password = self.secrets.of(&user.to_uppercase());
        self.settings_with(user, password)
    }

    fn settings_with(&self, user: &str, password: &str) -> Vec<(&'static str, String)> {
        let broker = self.rabbitmq.port();
        let redis = self.redis.port();
        let place = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            (
                "TAGFLEET_QUEUE_URL",
                format!("amqp://{user}:{password}@127.0.0.1:{broker}/%2f"),
            ),
            (
                "TAGFLEET_BUS_URL",
                format!("redis://{user}:{password}@127.0.0.1:{redis}/0"),
            ),
            ("TAGFLEET_QUEUE_DECLARE", "false".to_owned()),
            ("TAGFLEET_REQUIRE_SEALS", "true".to_owned()),
            ("TAGFLEET_STORE_URL", format!("file://{}", place("store"))),
            ("TAGFLEET_API_KEYS", place("keys.toml")),
            (
                "TAGFLEET_WEBHOOK_SECRETS",
                self.secrets.of("webhook-secret-of-many-letters").to_owned(),
            ),
            ("TAGFLEET_CAPTIONER", "template".to_owned()),
            ("TAGFLEET_LOG", "debug".to_owned()),
            ("TAGFLEET_LOG_FORMAT", "json".to_owned()),
        ]
    }

    fn expect_no_secret_in(&self, name: &str, process: &Process, key: &String) {
        let log = process.logged();
        assert!(!log.is_empty(), "{name} wrote nothing");
        for (what, secret) in self.secrets.0.iter().chain([(&"key", key)]) {
            let line = log.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "{name} wrote the {what}");
        }
    }

    /// Puts a key into the file of keys, and returns it.
    async fn key(&self) -> String {
        let made = Process::command(&["keys", "new", "--tenant", "shop"]).await;
        let file = self.folder.path().join("keys.toml");
        std::fs::write(file, made.stdout).expect("it is written");
        let said = String::from_utf8(made.stderr).expect("UTF-8");
        let key = said.lines().find(|line| line.starts_with("tf_"));
        key.expect("a key").to_owned()
    }
}

/// An address as services hand them out: whoever has it may read.
fn signed(origin: &Origin, file: &str, secrets: &Secrets) -> String {
    format!(
        "{}?X-Amz-Signature={}",
        origin.url(file),
        secrets.of("signature")
    )
}

#[tokio::test]
async fn roles_work_with_users_of_their_own_and_write_no_secret_into_their_logs() {
    let origin = Origin::start().await;
    let fleet = Fleet::start().await;
    let key = fleet.key().await;
    let secrets = &fleet.secrets;
    let mut queues = Process::begun("queues", &fleet.settings("declarer"));
    let ended = queues.ended().await.code();
    assert_eq!(ended, Some(0), "{}", queues.logged());

    let mut worker = Process::bare("worker", &fleet.settings("worker")).await;
    let with_origin = |user| [fleet.settings(user), fetching(&origin)].concat();
    let mut api = Process::bare("api", &with_origin("api")).await;
    let mut migrator = Process::bare("migrator", &with_origin("migrator")).await;

    requests(&api, &key, &origin, secrets).await;
    batch(&api, &key, &origin, secrets).await;

    // What is written when a connection is lost, and when one is refused.
    let operator = secrets.of("OPERATOR");
    let kill = [
        "-a",
        operator,
        "--no-auth-warning",
        "CLIENT",
        "KILL",
        "TYPE",
        "normal",
        "SKIPME",
        "yes",
    ];
    fleet.redis.ctl(&kill).await;
    let stranger = fleet.settings_with("worker", secrets.of("wrong-password"));
    let hurried = ("TAGFLEET_CONNECT_WITHIN_S", "1".to_owned());
    let mut stranger = Process::begun("worker", &[stranger, vec![hurried]].concat());
    assert_ne!(stranger.ended().await.code(), Some(0));
    for process in [&mut api, &mut migrator, &mut worker] {
        assert_eq!(process.terminate().await, Some(0));
    }

    let written = [
        ("queues", &queues),
        ("worker", &worker),
        ("api", &api),
        ("migrator", &migrator),
        ("stranger", &stranger),
    ];
    for (name, process) in written {
        fleet.expect_no_secret_in(name, process, &key);
    }
}

/// Such as end well, and such as end in a line that may tell too much.
async fn requests(api: &Process, key: &str, origin: &Origin, secrets: &Secrets) {
    let tag = async |url: String, key: &str| {
        let body = json!({"image": {"url": url}, "features": ["tags", "caption"]});
        api.post_as(key, "/v1/tags", &body).await
    };
    let answer = tag(signed(origin, "cat.png", secrets), key).await;
    assert!(answer["tags"][0]["name"].is_string(), "{answer}");
    let missing = tag(signed(origin, "no-such-file.jpg", secrets), key).await;
    assert_eq!(missing["code"], "source_http_error", "{missing}");
    let broken = tag(signed(origin, "truncated.jpg", secrets), key).await;
    assert_eq!(broken["code"], "image_truncated", "{broken}");
    let password = secrets.of("user-info");
    let with_user = tag(format!("http://user:{password}@127.0.0.1/a.jpg"), key).await;
    assert_eq!(with_user["code"], "invalid_url", "{with_user}");
    let nobody = tag(
        origin.url("cat.png"),
        &format!("tf_{}", secrets.of("wrong-key")),
    )
    .await;
    assert_eq!(nobody["status"], 401, "{nobody}");
}

/// Ends with a webhook that nobody takes, at an address that is a secret, too.
async fn batch(api: &Process, key: &str, origin: &Origin, secrets: &Secrets) {
    let items = ["cat.png", "palace.jpg", "no-such-file.jpg", "page.jpg"];
    let items = items.map(|file| json!({"url": signed(origin, file, secrets), "custom_id": file}));
    let hook = signed(origin, "hook", secrets);
    let body = json!({"items": items, "webhook_url": hook});
    let batch = api.post_as(key, "/v1/batches", &body).await;
    let Some(id) = batch["id"].as_str() else {
        panic!("no batch: {batch}");
    };
    let path = format!("/v1/batches/{id}");
    let ended = eventually("the batch ends", async || {
        let batch: Value = api.get_as(key, &path).await?;
        (batch["status"] == "completed").then_some(batch)
    })
    .await;
    assert_eq!(
        ended["request_counts"],
        json!({"total": 4, "completed": 2, "failed": 2})
    );
}
