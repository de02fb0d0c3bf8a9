//! Tests of the catalogue: what the built-in data says, and what is reported of wrong files.

use super::*;

fn operation(host: &str, method: &str, path: &str) -> String {
    let catalogue = Catalogue::builtin();
    let provider = catalogue.route(host).expect("a known host").provider;
    match catalogue.operation(provider, method, path) {
        Operation::Known(format) => catalogue.format(format).id.to_string(),
        Operation::Unknown => "unknown".into(),
    }
}

#[test]
fn the_embedded_catalogue_is_complete() {
    let catalogue = Catalogue::builtin();
    assert_eq!(catalogue.providers().count(), 190);
    assert_eq!(catalogue.formats().len(), 58);
    // A list of paths of other formats, and a protocol that is nobody's business but its maker's.
    let unread: Vec<&str> = catalogue
        .formats()
        .iter()
        .filter(|format| format.bodies.is_none())
        .map(|format| &*format.id)
        .collect();
    assert_eq!(unread, ["assistant.closed", "gateway.openai_like"]);
}

#[test]
fn every_provider_can_be_reached_in_every_format_of_its() {
    let catalogue = Catalogue::builtin();
    let mut hidden = Vec::new();
    for (id, provider) in catalogue.providers() {
        for format in &provider.formats {
            // It only hands paths over to others.
            let hands_over = catalogue.format(*format).paths.iter().all(|path| path.spoken.is_some());
            let reached = catalogue.address(*format, Some(id)).is_some_and(|address| address.provider == id);
            if !hands_over && !reached {
                hidden.push(format!("{} {}", provider.id, catalogue.format(*format).id));
            }
        }
    }
    assert!(hidden.is_empty(), "hidden behind other formats of theirs: {hidden:?}");
}

#[test]
fn formats_lend_each_other_their_places() {
    let catalogue = load(
        "  formats:
    - id: a
      paths: [/a]
      bothSpellings: true
      request: { text: [userInput.theText], sealed: [seal] }
      stream: { framing: [sse], deltas: [{ path: d.x, place: x, kind: text, keys: [d.n] }] }
    - id: b
      paths: [/b]
      request: { include: [{ format: a, at: \"list[]\" }], plain: [\"list[].seal\"] }
      stream: { framing: [ndjson, webSocket], include: [{ format: a, at: in }] }
    - { id: c, paths: [/c], sameAs: b, response: { text: [answer] } }
",
    )
    .unwrap();
    let bodies = |id: &str| {
        let format = catalogue.formats().iter().find(|format| &*format.id == id).unwrap();
        format.bodies.clone().unwrap()
    };
    let places = |table: &crate::json::Table| {
        table.places().map(|(place, class)| format!("{place} {class:?}")).collect::<Vec<_>>()
    };
    let expected = ["list[].userInput.theText Text", "list[].seal Sealed", "list[].seal Plain"];
    assert_eq!(places(&bodies("b").request), expected);
    let same = bodies("c");
    assert_eq!(places(&same.request), expected);
    assert_eq!(places(&same.response), ["answer Text"]);
    let stream = same.stream.as_ref().unwrap();
    assert_eq!(*stream.framings, [Framing::Ndjson, Framing::WebSocket]);
    assert_eq!(&*stream.deltas[0].place, "in.x");
}

#[test]
fn circles_are_mistakes() {
    let mistakes = load(
        "  formats:
    - { id: a, paths: [/a], request: { include: [{ format: b }] } }
    - { id: b, paths: [/b], sameAs: a }
",
    )
    .unwrap_err();
    assert!(mistakes.to_string().contains("in a circle"), "{mistakes}");
}

#[test]
fn hosts_are_found_in_any_spelling() {
    let catalogue = Catalogue::builtin();
    let name = |host: &str| catalogue.route(host).map(|found| &*catalogue.provider(found.provider).id);
    assert_eq!(name("api.openai.com"), Some("openai"));
    assert_eq!(name("API.OpenAI.com."), Some("openai"));
    assert_eq!(name("corp.openai.azure.com"), Some("azure-openai"));
    assert_eq!(name("models.inference.ai.azure.com"), Some("github-models"));
    assert_eq!(name("x.inference.ai.azure.com"), Some("azure-foundry"));
    assert_eq!(name("bedrock-runtime.cn-north-1.amazonaws.com.cn"), Some("aws-bedrock"));
    assert_eq!(name("vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"), Some("aws-bedrock"));
    assert_eq!(name("openai.com"), None);
    assert_eq!(name("api.openai.com.evil.test"), None);
    assert_eq!(name("evilapi.openai.com"), None);
    assert_eq!(name(""), None);
    assert_eq!(name("."), None);
    assert_eq!(name(&"a".repeat(300)), None);
    assert_eq!(catalogue.route("chatgpt.com").unwrap().scope, HostScope::Shared);
}

#[test]
fn paths_lead_to_formats() {
    for (host, method, path, format) in [
        ("api.openai.com", "POST", "/v1/chat/completions", "openai.chat_completions"),
        ("api.openai.com", "POST", "/v1/chat/completions/?x=1", "openai.chat_completions"),
        ("api.openai.com", "GET", "/v1/chat/completions", "unknown"),
        ("api.openai.com", "POST", "/v1/responses", "openai.responses"),
        ("api.openai.com", "POST", "/v1/new-thing", "unknown"),
        ("api.openai.com", "GET", "/v1/realtime?model=x", "openai.realtime"),
        ("api.anthropic.com", "POST", "/v1/messages?beta=true", "anthropic.messages"),
        ("api.anthropic.com", "POST", "/v1/messages/count_tokens", "anthropic.count_tokens"),
        (
            "corp.openai.azure.com",
            "POST",
            "/openai/deployments/gpt-x/chat/completions?api-version=1",
            "openai.chat_completions",
        ),
        (
            "generativelanguage.googleapis.com",
            "POST",
            "/v1beta/models/gemini:streamGenerateContent?alt=sse",
            "google.generate_content",
        ),
        (
            "generativelanguage.googleapis.com",
            "POST",
            "/v1beta/openai/chat/completions",
            "openai.chat_completions",
        ),
        ("api.groq.com", "POST", "/openai/v1/chat/completions", "openai.chat_completions"),
        ("api.302.ai", "POST", "/v1/chat/completions", "openai.chat_completions"),
        ("api.githubcopilot.com", "POST", "/responses", "openai.responses"),
        ("chatgpt.com", "POST", "/backend-api/codex/responses", "openai.responses"),
        ("chatgpt.com", "POST", "/backend-api/me", "unknown"),
        ("api.z.ai", "POST", "/api/anthropic/v1/messages", "anthropic.messages"),
        ("api.z.ai", "POST", "/api/paas/v4/chat/completions", "openai.chat_completions"),
        (
            "bedrock-runtime.us-east-1.amazonaws.com",
            "POST",
            "/model/anthropic.claude%3A0/converse-stream",
            "bedrock.converse",
        ),
        ("openrouter.ai", "POST", "/api/v1/chat/completions", "openai.chat_completions"),
        ("api.openai.com", "GET", "/v1/files/file-1/content", "openai.file_content"),
        ("api.anthropic.com", "GET", "/v1/messages/batches/b/results", "anthropic.batch_results"),
        ("api.mistral.ai", "POST", "/v1/agents/completions", "mistral.agents"),
        ("api.mistral.ai", "POST", "/v1/conversations/c1", "mistral.conversations"),
        ("api2.cursor.sh", "POST", "/aiserver.v1.ChatService/StreamChat", "assistant.closed"),
    ] {
        assert_eq!(operation(host, method, path), format, "{method} {host}{path}");
    }
}

#[test]
fn names_for_dns_and_for_the_authority() {
    let catalogue = Catalogue::builtin();
    assert!(catalogue.exact_names().any(|name| name == "api.openai.com"));
    assert!(catalogue.exact_names().all(|name| !name.contains('*')));
    let domains = catalogue.permitted_domains();
    assert!(domains.contains(&"openai.azure.com"));
    assert!(domains.contains(&"amazonaws.com"));
    // Covered by googleapis.com, which a pattern beside it needs.
    assert!(!domains.contains(&"generativelanguage.googleapis.com"));
    for name in catalogue.exact_names() {
        let under = |domain: &&str| name == *domain || name.ends_with(&format!(".{domain}"));
        assert!(domains.iter().any(under), "{name}");
    }
}

fn load(text: &str) -> Result<Catalogue, Mistakes> {
    let text = format!("apiVersion: interceptor.dev/v1alpha1\nkind: Catalogue\nspec:\n{text}");
    Catalogue::load(&[("mine.yaml".into(), text)])
}

#[test]
fn the_operator_adds_corrects_and_removes() {
    let catalogue = load(
        "  providers:
    - { id: openai, hosts: [api.openai.test], basePaths: [/x] }
    - { id: vllm, hosts: [llm.internal.test] }
    - { id: mine, hosts: [\"*.llm.corp.test\"], formats: [anthropic.messages] }
    - { id: groq, remove: true }
",
    )
    .unwrap();
    let name = |host: &str| catalogue.route(host).map(|found| &*catalogue.provider(found.provider).id);
    assert_eq!(name("api.openai.test"), Some("openai"));
    assert_eq!(name("api.openai.com"), None);
    assert_eq!(name("llm.internal.test"), Some("vllm"));
    assert_eq!(name("a.llm.corp.test"), Some("mine"));
    assert_eq!(name("api.groq.com"), None);
    let openai = catalogue.provider_named("openai").unwrap();
    assert_eq!(catalogue.provider(openai).name.as_ref(), "OpenAI");
    assert!(matches!(catalogue.operation(openai, "POST", "/x/chat/completions"), Operation::Known(_)));
}

#[test]
fn all_mistakes_are_reported_with_their_place() {
    let mistakes = load(
        "  providers:
    - { id: a, hosts: [\"*.com\"], formats: [openai.chat_completion] }
    - { id: b, hosts: [api.openai.com], formats: [] }
    - { id: c, formats: [] }
    - { id: d, remove: true }
    - { id: openai, scoop: shared, kind: clown }
  formats:
    - { id: f, paths: [v1], request: { text: [\"a[\", \"b[type=x].c\"] } }
",
    )
    .unwrap_err();
    expect_test::expect![[r#"
        mine.yaml:5:24: spec.providers[0].hosts[0]: not a host: the last two labels must be written out
        mine.yaml:5:44: spec.providers[0].formats[0]: unknown format `openai.chat_completion`; expected one of `openai.chat_completions`, `openai.responses`, `openai.completions`, `openai.embeddings`, `openai.moderations`, `openai.images`, `openai.audio`, `openai.files`, `openai.batches`, `openai.file_content`, `openai.assistants`, `openai.realtime`; did you mean `openai.chat_completions`?
        mine.yaml:6:24: spec.providers[1].hosts[0]: `api.openai.com` is already a host of `openai`
        mine.yaml:7:7: spec.providers[2]: the field `hosts` is missing
        mine.yaml:8:7: spec.providers[3]: there is no `d` to remove
        mine.yaml:9:21: spec.providers[4]: unknown field `scoop`; expected one of `id`, `remove`, `name`, `kind`, `scope`, `hosts`, `ports`, `basePaths`, `formats`, `telemetryName`, `bodySigned`
        mine.yaml:9:42: spec.providers[4].kind: unknown value `clown`; expected one of `model`, `cloud`, `host`, `router`, `assistant`, `retrieval`, `speech`, `image`, `video`, `guard`, `local`, `tools`
        mine.yaml:11:24: spec.formats[0].paths[0]: not a path: must start with /
        mine.yaml:11:47: spec.formats[0].request.text[0]: not a place: brackets that do not match
        mine.yaml:11:53: spec.formats[0].request.text[1]: a filter by type is possible among `sealed` only"#]]
    .assert_eq(&mistakes.to_string());
}
