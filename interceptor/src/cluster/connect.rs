//! Who the API server is and who we are to it, from a kubeconfig or from what Kubernetes mounts into a pod.
//! Knows what of a kubeconfig is refused here. Tokens and certificates are read again by the client when they change.

use std::path::PathBuf;
use std::time::Duration;

use http::uri::Scheme;
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use super::ClusterSpec;

/// For a connection, and for an answer's first byte. Watches are silent for longer, and have a clock of their own.
const CONNECT: Duration = Duration::from_secs(5);

/// Why the API server cannot be spoken to at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be read or is wrong.
    #[error("cannot use the kubeconfig {}", path.display())]
    Kubeconfig {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<KubeconfigError>,
    },
    /// The kubeconfig is not made up as one. What the reader says of it is left out: it shows the line, and there may be
    /// a token in it.
    #[error("{} is no kubeconfig; `kubectl config view --kubeconfig` says where", path.display())]
    NoKubeconfig {
        /// Its path.
        path: PathBuf,
    },
    /// We are in no pod, or in one without a service account's token.
    #[error("this is no pod with a service account's token; name a kubeconfig (kubernetes.kubeconfig)")]
    NoPod(#[source] Box<InClusterError>),
    /// The server would not be verified, or not spoken to over TLS.
    #[error("the API server is not verified: {what}")]
    Unverified {
        /// What is missing.
        what: &'static str,
    },
    /// Credentials come from a program, and the daemon runs none.
    #[error(
        "the kubeconfig gets its credentials from a program, and the daemon starts none; give it a token file"
    )]
    Program,
    /// The client cannot be made: its certificates are damaged, for example.
    #[error("the connection to the API server cannot be set up")]
    Client(#[source] Box<kube::Error>),
    /// There is no thread or runtime.
    #[error("cannot start the thread that asks the API server")]
    Thread(#[source] std::io::Error),
}

/// A client that is not connected yet.
pub(super) async fn client(spec: &ClusterSpec) -> Result<Client, ConnectError> {
    let mut config = config(spec).await?;
    config.connect_timeout = Some(CONNECT);
    // Whoever asks again waits in between, and tells of it.
    config.default_retry = false;
    Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))
}

async fn config(spec: &ClusterSpec) -> Result<Config, ConnectError> {
    let Some(path) = &spec.kubeconfig else {
        return Config::incluster().map_err(|error| ConnectError::NoPod(Box::new(error)));
    };
    let wrong = |source| match source {
        KubeconfigError::Parse(_) => ConnectError::NoKubeconfig { path: path.clone() },
        source => ConnectError::Kubeconfig { path: path.clone(), source: Box::new(source) },
    };
    let read = Kubeconfig::read_from(path).map_err(wrong)?;
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.map_err(wrong)?;
    check(&config)?;
    Ok(config)
}

/// What other clients take, and this one does not.
fn check(config: &Config) -> Result<(), ConnectError> {
    if config.accept_invalid_certs {
        return Err(ConnectError::Unverified { what: "the kubeconfig says `insecure-skip-tls-verify`" });
    }
    if config.cluster_url.scheme() != Some(&Scheme::HTTPS) {
        return Err(ConnectError::Unverified { what: "its address does not begin with `https://`" });
    }
    if config.auth_info.exec.is_some() || config.auth_info.auth_provider.is_some() {
        return Err(ConnectError::Program);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::chain;

    /// What becomes of a kubeconfig with these lines about the cluster and the user.
    fn refused(cluster: &str, user: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
             clusters: [{{name: k, cluster: {cluster}}}]\nusers: [{{name: u, user: {user}}}]\n"
        );
        std::fs::write(&path, text).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let spec = ClusterSpec { kubeconfig: Some(path) };
        match runtime.block_on(config(&spec)) {
            Ok(_) => "taken".to_owned(),
            Err(error) => chain(&error).replace(&folder.path().display().to_string(), "DIR"),
        }
    }

    #[test]
    fn a_server_is_verified_and_no_program_is_run() {
        let good = "{server: 'https://198.51.100.6:6443'}";
        assert_eq!(refused(good, "{tokenFile: /nowhere}"), "taken");
        let unverified = "{server: 'https://198.51.100.6:6443', insecure-skip-tls-verify: true}";
        assert!(refused(unverified, "{}").contains("insecure-skip-tls-verify"));
        assert!(refused("{server: 'http://198.51.100.6:8080'}", "{}").contains("`https://`"));
        let program = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: aws}}";
        assert!(refused(good, program).contains("give it a token file"));
    }

    #[test]
    fn what_is_in_a_damaged_kubeconfig_is_not_told() {
        let secret = ["marked", "-", "credential"].concat();
        let good = "{server: 'https://198.51.100.6:6443'}";
        for user in [
            format!("'{secret}'"),
            format!("{{token: [{secret}]}}"),
            format!("{{token: {secret}}}, token: {secret}: x"),
        ] {
            let said = refused(good, &user);
            assert!(
                said.starts_with("DIR/kubeconfig is no kubeconfig"),
                "{}",
                said.replace(&secret, "LEAKED")
            );
            assert!(!said.contains(&secret), "{}", said.replace(&secret, "LEAKED"));
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let spec = ClusterSpec { kubeconfig: Some("/nonexistent/kubeconfig".into()) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let error = runtime.block_on(config(&spec)).unwrap_err();
        assert!(chain(&error).starts_with("cannot use the kubeconfig /nonexistent/kubeconfig: "), "{error}");
    }
}
