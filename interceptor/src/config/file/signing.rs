//! Reads `signing.credentials`: what changed requests are signed with again. Does not open the files.

use std::path::Path;

use interceptor_engine::catalogue::HostPattern;
use interceptor_engine::document::Field;

use crate::signing::CredentialSpec;

const KNOWN: &[&str] = &["name", "provider", "hosts", "accessKeyFile", "secretKeyFile", "sessionTokenFile"];

/// Reads the list. Relative paths start at `base`.
pub(super) fn credentials(field: &Field<'_>, base: &Path) -> Option<Vec<CredentialSpec>> {
    let list = field.map(&["credentials"])?.optional("credentials")?;
    let read = list.list_of(|item| one(item, base))?;
    let names = |name| read.iter().filter(|other| other.name == name).count();
    if read.iter().any(|one| names(one.name.clone()) > 1) {
        list.mistake("two have the same name", Some("a name of its own for each"));
    }
    Some(read)
}

fn one(item: &Field<'_>, base: &Path) -> Option<CredentialSpec> {
    let fields = item.map(KNOWN)?;
    let path = |field: Field<'_>| field.text().map(|text| base.join(text));
    // Read before anything is given up, so that all mistakes are reported at once.
    let name = fields.required("name").and_then(|field| field.parsed("letters, digits and `-`", name));
    let provider = fields.required("provider").and_then(|field| field.text().map(str::to_owned));
    let id = fields.required("accessKeyFile").and_then(path);
    let secret = fields.required("secretKeyFile").and_then(path);
    let token = fields.optional("sessionTokenFile").and_then(path);
    let host = |field: &Field<'_>| {
        field.parsed("a host, or a pattern such as `api.*.example.com`", |text| HostPattern::parse(text).ok())
    };
    let hosts = fields.optional("hosts").and_then(|field| {
        field.filled_list()?;
        field.list_of(host)
    });
    Some(CredentialSpec {
        name: name?.into(),
        provider: provider?,
        hosts: hosts.unwrap_or_default(),
        id: id?,
        secret: secret?,
        token,
    })
}

/// It stands in events.
fn name(text: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    ((1..=63).contains(&text.len()) && text.bytes().all(plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use crate::config::file::read;

    const HEAD: &str = "apiVersion: interceptor.dev/v1alpha1\nkind: InterceptorConfig\nspec:\n  signing:\n";

    #[test]
    fn credentials_are_read_with_the_hosts_they_are_for() {
        let text = format!(
            "{HEAD}    credentials:\n    - {{name: a, provider: aws-bedrock, hosts: ['bedrock-runtime.*.amazonaws.com'], \
             accessKeyFile: id, secretKeyFile: /s, sessionTokenFile: t}}\n"
        );
        let config = read("file.yaml", &text, Path::new("/etc/i")).expect("it is right");
        let [one] = &config.credentials[..] else { panic!("{:?}", config.credentials) };
        assert_eq!((&*one.name, &*one.provider, one.hosts.len()), ("a", "aws-bedrock", 1));
        let paths = [&one.id, &one.secret, one.token.as_ref().expect("given")];
        assert_eq!(paths.map(PathBuf::as_path), ["/etc/i/id", "/s", "/etc/i/t"].map(Path::new));
    }

    #[test]
    fn every_mistake_is_told() {
        let text = format!(
            "{HEAD}    credentials:\n    - {{name: 'a b', hosts: ['*.com'], accessKeyFile: id}}\n    - {{name: c, provider: x, \
             accessKeyFile: i, secretKeyFile: s}}\n    - {{name: c, provider: x, accessKeyFile: i, secretKeyFile: s, \
             hosts: []}}\n"
        );
        let mistakes = read("file.yaml", &text, Path::new("/")).expect_err("it is wrong").to_string();
        expect_test::expect![[r#"
            file.yaml:6:7: spec.signing.credentials[0]: the field `provider` is missing
            file.yaml:6:7: spec.signing.credentials[0]: the field `secretKeyFile` is missing
            file.yaml:6:7: spec.signing.credentials: two have the same name; expected a name of its own for each
            file.yaml:6:14: spec.signing.credentials[0].name: `a b` is not allowed; expected letters, digits and `-`
            file.yaml:6:29: spec.signing.credentials[0].hosts[0]: `*.com` is not allowed; expected a host, or a pattern such as `api.*.example.com`
            file.yaml:8:73: spec.signing.credentials[2].hosts: is an empty list; expected at least one element"#]].assert_eq(&mistakes);
    }
}
