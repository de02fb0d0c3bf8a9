//! Copies of what an API server has, against a server: what is listed, what a watch tells, and what becomes of a copy when
//! the server forgets, refuses or goes away. Pure tier: everything happens on the loopback device.

use std::collections::{BTreeMap, HashMap};
use std::net::TcpListener;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use interceptor::cluster::{self, ClusterSpec, Watch};
use interceptor::source::{Source, Standing, Trouble};
use interceptor_tests::api::{ApiServer, Asked, PODS};
use interceptor_tests::pki::Pki;
use interceptor_tests::within;
use kube::api::{Api, ApiResource, DynamicObject};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A server, and a copy of the pods of its node `a`: of each the label `v`.
struct Bed {
    server: ApiServer,
    source: Arc<Source>,
    copy: watch::Receiver<BTreeMap<String, String>>,
    _copying: JoinSet<()>,
    _folder: TempDir,
}

fn server(pki: &Pki) -> Result<ApiServer> {
    ApiServer::start(TcpListener::bind("127.0.0.1:0")?, pki)
}

fn label(pod: DynamicObject) -> Option<(Arc<str>, String)> {
    let labels = pod.metadata.labels.unwrap_or_default();
    Some((pod.metadata.name?.into(), labels.get("v").cloned().unwrap_or_default()))
}

impl Bed {
    /// Of a server that was prepared.
    async fn new(prepare: impl FnOnce(&ApiServer), most: usize) -> Result<Self> {
        let server = server(&Pki::new()?)?;
        prepare(&server);
        Self::of(server, most, |_| {}).await
    }

    /// Of a server, by a kubeconfig in a folder that was prepared.
    async fn of(server: ApiServer, most: usize, prepare: impl FnOnce(&std::path::Path)) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let kubeconfig = Some(server.kubeconfig(folder.path())?);
        prepare(folder.path());
        let client = cluster::client(&ClusterSpec { kubeconfig }).await?;
        let pods = ApiResource {
            group: String::new(),
            version: "v1".into(),
            api_version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
        };
        let source = Source::new("pods", "this is a test");
        let api: Api<DynamicObject> = Api::all_with(client, &pods);
        let watch = Watch::new(api, source.clone(), most, label).fields("spec.nodeName=a".into());
        let (publish, copy) = watch::channel(BTreeMap::new());
        let mut copying = JoinSet::new();
        copying.spawn(watch.run(move |now: &HashMap<Arc<str>, String>| {
            let now = now.iter().map(|(name, label)| (name.to_string(), label.clone()));
            publish.send_replace(now.collect());
        }));
        Ok(Self { server, source, copy, _copying: copying, _folder: folder })
    }

    /// Waits until the copy is this one.
    async fn is(&mut self, pods: &[(&str, &str)]) -> Result<()> {
        let wanted: BTreeMap<_, _> =
            pods.iter().map(|(name, label)| ((*name).to_owned(), (*label).to_owned())).collect();
        let found = within("the copy", self.copy.wait_for(|now| *now == wanted)).await.map(drop);
        found.with_context(|| format!("it is {:?}; {:?}", *self.copy.borrow(), self.source.standing()))
    }

    /// Waits until the source is as `wanted` says. Nothing tells of that: what makes it so has been asked for by then.
    async fn stands(&self, wanted: impl Fn(&Standing) -> bool) -> Result<Standing> {
        let search = async {
            loop {
                let standing = self.source.standing();
                if wanted(&standing) {
                    return standing;
                }
                tokio::task::yield_now().await;
            }
        };
        within("the source", search).await.with_context(|| format!("{:?}", self.source.standing()))
    }

    /// Waits for a refusal, and gives its words.
    async fn fails(&self, trouble: Trouble) -> Result<String> {
        Ok(self.stands(|one| one.trouble == Some(trouble)).await?.detail.unwrap_or_default())
    }

    fn put(&self, name: &str, node: &str, label: &str) {
        self.server.put(PODS, pod(name, node, label));
    }
}

fn pod(name: &str, node: &str, label: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "n", "labels": {"v": label}}, "spec": {"nodeName": node}})
}

/// A watch is open.
fn is_open(asked: Asked) -> bool {
    asked.open == 1
}

#[tokio::test]
async fn a_copy_follows_every_change() -> Result<()> {
    let prepare = |server: &ApiServer| {
        server.put(PODS, pod("one", "a", "1"));
        server.put(PODS, pod("elsewhere", "b", "1"));
    };
    let mut bed = Bed::new(prepare, 10).await?;
    bed.is(&[("one", "1")]).await?;
    bed.put("two", "a", "1");
    bed.is(&[("one", "1"), ("two", "1")]).await?;
    bed.put("two", "a", "2");
    bed.put("elsewhere", "b", "2");
    bed.is(&[("one", "1"), ("two", "2")]).await?;
    bed.server.delete(PODS, "one");
    bed.is(&[("two", "2")]).await?;
    assert_eq!(bed.server.asked(PODS), Asked { lists: 1, watches: 1, refused: 0, open: 1 });
    let standing = bed.source.standing();
    assert_eq!((standing.up, standing.objects, standing.failures), (Some(true), Some(1), 0));
    Ok(())
}

#[tokio::test]
async fn what_is_missed_while_a_connection_is_gone_is_told_by_the_next_watch() -> Result<()> {
    let mut bed = Bed::new(|server| server.put(PODS, pod("one", "a", "1")), 10).await?;
    bed.is(&[("one", "1")]).await?;
    bed.server.asked_until(PODS, is_open).await?;
    bed.server.cut();
    bed.put("two", "a", "1");
    bed.server.delete(PODS, "one");
    bed.is(&[("two", "1")]).await?;
    assert_eq!(bed.server.asked(PODS).lists, 1);
    Ok(())
}

#[tokio::test]
async fn what_the_server_has_forgotten_is_listed_again() -> Result<()> {
    let mut bed = Bed::new(|server| server.put(PODS, pod("one", "a", "1")), 10).await?;
    bed.is(&[("one", "1")]).await?;
    bed.server.asked_until(PODS, is_open).await?;
    bed.put("two", "a", "1");
    bed.server.delete(PODS, "one");
    // The watch that is open is told so, or the next one is.
    bed.server.forget_history();
    bed.is(&[("two", "1")]).await?;
    let asked = bed.server.asked_until(PODS, |asked| asked.lists == 2 && is_open(asked)).await?;
    assert_eq!(asked.refused, 0);
    // Nothing was wrong.
    assert_eq!(bed.source.standing().failures, 0);
    bed.put("three", "a", "1");
    bed.is(&[("three", "1"), ("two", "1")]).await
}

#[tokio::test]
async fn a_bookmark_spares_a_list() -> Result<()> {
    let mut bed = Bed::new(|server| server.put(PODS, pod("one", "a", "1")), 10).await?;
    bed.is(&[("one", "1")]).await?;
    bed.server.asked_until(PODS, is_open).await?;
    // Nothing of this node happens, and the watch is told how far everything has come all the same.
    bed.server.bookmark();
    let before = bed.source.standing().age_seconds;
    bed.stands(|one| one.age_seconds < before).await?;
    bed.server.cut();
    bed.put("two", "a", "1");
    bed.is(&[("one", "1"), ("two", "1")]).await?;
    assert_eq!(bed.server.asked(PODS).lists, 1);
    Ok(())
}

#[tokio::test]
async fn thousands_come_in_pages_and_no_more_than_there_is_room_for() -> Result<()> {
    let names: Vec<String> = (0..1700).map(|number| format!("p{number:04}")).collect();
    let wanted: Vec<_> = names.iter().map(|name| (&**name, "1")).collect();
    let fill = |server: &ApiServer| names.iter().for_each(|name| server.put(PODS, pod(name, "a", "1")));
    let mut bed = Bed::new(fill, 1700).await?;
    bed.is(&wanted).await?;
    assert_eq!(bed.server.asked(PODS).lists, 4);
    // One too many: nothing that was known is lost, and it is told that something is missing.
    bed.server.asked_until(PODS, is_open).await?;
    bed.put("q", "a", "1");
    let detail = bed.fails(Trouble::TooMuch).await?;
    assert_eq!(detail, "there are more than 1700");
    assert_eq!(bed.copy.borrow().len(), 1700);
    bed.server.delete(PODS, "p0000");
    bed.stands(|one| one.up == Some(true)).await?;
    assert!(bed.copy.borrow().contains_key("q") && !bed.copy.borrow().contains_key("p0000"));
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for_and_what_was_known_stays() -> Result<()> {
    let prepare = |server: &ApiServer| {
        server.put(PODS, pod("one", "a", "1"));
        server.set_away(true);
    };
    let mut bed = Bed::new(prepare, 10).await?;
    bed.fails(Trouble::Unreachable).await?;
    assert_eq!(bed.source.standing().age_seconds, None);
    bed.server.set_away(false);
    bed.is(&[("one", "1")]).await?;
    bed.server.asked_until(PODS, is_open).await?;
    bed.server.set_away(true);
    // No connection is left on which the server could tell of it.
    bed.server.asked_until(PODS, |asked| asked.open == 0).await?;
    bed.put("two", "a", "1");
    bed.fails(Trouble::Unreachable).await?;
    assert_eq!(bed.copy.borrow().len(), 1);
    let standing = bed.source.standing();
    assert!(standing.age_seconds.is_some() && standing.objects == Some(1), "{standing:?}");
    bed.server.set_away(false);
    bed.is(&[("one", "1"), ("two", "1")]).await?;
    bed.stands(|one| one.up == Some(true)).await?;
    Ok(())
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words() -> Result<()> {
    let mut bed = Bed::new(|server| server.refuse_tokens(true), 10).await?;
    assert_eq!(bed.fails(Trouble::Unauthorized).await?, "401 Unauthorized: Unauthorized");
    bed.server.forbid(PODS, true);
    bed.server.refuse_tokens(false);
    let detail = bed.fails(Trouble::Forbidden).await?;
    assert!(detail.starts_with("403 Forbidden: pods is forbidden"), "{detail}");
    bed.server.forbid(PODS, false);
    bed.put("one", "a", "1");
    bed.is(&[("one", "1")]).await?;
    // A token that is refused later takes nothing away, either.
    bed.server.asked_until(PODS, is_open).await?;
    bed.server.refuse_tokens(true);
    bed.server.cut();
    bed.fails(Trouble::Unauthorized).await?;
    assert_eq!(bed.copy.borrow().len(), 1);
    bed.server.undefine(PODS);
    bed.server.refuse_tokens(false);
    bed.fails(Trouble::Missing).await?;
    Ok(())
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_asked() -> Result<()> {
    let other = Pki::new()?.root_pem();
    let server = server(&Pki::new()?)?;
    let prepare = |folder: &std::path::Path| std::fs::write(folder.join("api-root.pem"), other).unwrap();
    let bed = Bed::of(server, 10, prepare).await?;
    let detail = bed.fails(Trouble::Unreachable).await?;
    assert!(detail.contains("certificate"), "{detail}");
    assert_eq!(bed.server.asked(PODS), Asked::default());
    Ok(())
}
