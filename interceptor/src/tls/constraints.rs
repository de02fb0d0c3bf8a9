//! The domains for which the authority may speak: the dNSName subtrees of its name constraints
//! (RFC 5280 section 4.2.1.10).
//! Knows domains and how host patterns fold into them. Does not know where the patterns come from.

mod clouds;

use std::collections::BTreeSet;
use std::fmt;

use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::X509Certificate;

use crate::hello::{Host, InvalidName};

/// What a certificate authority is allowed to vouch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraints {
    /// No constraint on names: a stolen key could impersonate anybody.
    None,
    /// These domains, each with everything below it.
    Domains(Domains),
}

impl Constraints {
    /// Whether a certificate for `host` would be accepted.
    pub fn permit(&self, host: &Host) -> bool {
        match self {
            Self::None => true,
            Self::Domains(domains) => domains.contain(host),
        }
    }

    /// Reads the extension of a certificate. Permitted subtrees without a DNS name leave names free.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut found = None;
        for extension in certificate.extensions() {
            let ParsedExtension::NameConstraints(constraints) = extension.parsed_extension() else {
                continue;
            };
            for subtree in constraints.permitted_subtrees.iter().flatten() {
                if let GeneralName::DNSName(name) = subtree.base {
                    let domains: &mut BTreeSet<Box<str>> = found.get_or_insert_default();
                    domains.insert(name.trim_start_matches('.').to_ascii_lowercase().into());
                }
            }
        }
        found.map_or(Self::None, |domains| Self::Domains(Domains(domains)))
    }
}

/// How many domains a group has at most: about 400 bytes of constraints.
const GROUP: usize = 16;

/// A set of domains in which none lies below another.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Domains(BTreeSet<Box<str>>);

impl Domains {
    /// Folds host patterns (`api.openai.com`, `*.openai.azure.com`, `bedrock.*.amazonaws.com`) into domains.
    ///
    /// A constraint has no wildcard, it is a domain with everything below it. So a wildcard at the front is
    /// dropped. One further in is spelled out where it stands for the regions of a cloud; otherwise the
    /// pattern becomes the domain behind it, which [`Folded::widened`] lists.
    pub fn fold<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Folded, BadPatterns> {
        let mut folded = Folded::default();
        let bad: Vec<BadPattern> =
            patterns.into_iter().filter_map(|pattern| folded.add(pattern).err()).collect();
        if bad.is_empty() { Ok(folded) } else { Err(BadPatterns(bad)) }
    }

    /// Splits the domains into groups of neighbours, each of which fits into a short certificate.
    pub fn groups(&self) -> Vec<Self> {
        // By labels from the right, so that the names of one provider stay together.
        let mut names: Vec<&Box<str>> = self.0.iter().collect();
        names.sort_by_cached_key(|name| name.rsplit('.').map(str::to_owned).collect::<Vec<_>>());
        names.chunks(GROUP).map(|chunk| Self(chunk.iter().copied().cloned().collect())).collect()
    }

    /// Whether `host` is one of the domains or lies below one.
    pub fn contain(&self, host: &Host) -> bool {
        let mut rest = host.as_str();
        loop {
            if self.0.contains(rest) {
                return true;
            }
            match rest.split_once('.') {
                Some((_, parent)) => rest = parent,
                None => return false,
            }
        }
    }

    /// Adds all domains of `other`.
    pub(super) fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    /// Adds a domain, and drops those below it.
    pub fn insert(&mut self, domain: &Host) {
        if !self.contain(domain) {
            self.0.retain(|other| !is_below(other, domain.as_str()));
            self.0.insert(domain.as_str().into());
        }
    }

    /// The domains in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none, which would permit nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Domains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.0).finish()
    }
}

/// Patterns after folding.
#[derive(Debug, Clone, Default)]
pub struct Folded {
    /// The domains.
    pub domains: Domains,
    /// The patterns that say more than their domain does.
    pub widened: Vec<Widened>,
    /// The patterns that were left out, because they come down to a domain that a cloud shares among all of
    /// its customers, and the names in use are not known, or to no public name at all.
    pub left_out: Vec<Box<str>>,
}

/// A pattern whose domain covers more than the pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widened {
    /// As given.
    pub pattern: Box<str>,
    /// What it became.
    pub domain: Box<str>,
}

/// A pattern from which no domain follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// What is left after the wildcards is no name.
    #[error("{pattern:?} is not a host name or pattern: {why}")]
    Name {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        #[source]
        why: InvalidName,
    },
    /// The domain would be a whole top-level domain.
    #[error("{pattern:?} would allow certificates for everything under {domain:?}; name at least two labels")]
    TooBroad {
        /// As given.
        pattern: String,
        /// The single label it came down to.
        domain: String,
    },
}

/// All patterns of a list from which no domain follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct BadPatterns(pub Vec<BadPattern>);

impl Folded {
    /// Adds one more pattern, as [`Domains::fold`] does.
    pub fn add(&mut self, pattern: &str) -> Result<(), BadPattern> {
        // `*.a.example` and `*.*.a.example`: everything below, which a constraint says by itself.
        let inner = pattern.trim_start_matches("*.");
        let Some((before, after)) = inner.rsplit_once('*') else {
            self.domains.insert(&domain(pattern, inner)?);
            return Ok(());
        };
        // `*-aiplatform.googleapis.com`: the wildcard ends inside a label, which goes with it.
        let behind = after.split_once('.').map_or("", |(_, rest)| rest);
        let behind = domain(pattern, behind)?;
        match clouds::of(behind.as_str()) {
            Some(cloud) if stands_for_a_region(before, after) && !cloud.regions.is_empty() => {
                for region in cloud.regions {
                    self.domains.insert(&domain(pattern, &inner.replace('*', region))?);
                }
            }
            Some(_) => self.left_out.push(pattern.into()),
            None => {
                self.domains.insert(&behind);
                self.widened.push(Widened { pattern: pattern.into(), domain: behind.as_str().into() });
            }
        }
        Ok(())
    }
}

/// Regions are labels, or parts of labels that a hyphen ends. `*cloudcode.example` is something else.
fn stands_for_a_region(before: &str, after: &str) -> bool {
    (before.is_empty() || before.ends_with(['.', '-'])) && (after.starts_with(['.', '-']))
}

fn domain(pattern: &str, rest: &str) -> Result<Host, BadPattern> {
    let domain = Host::parse(rest).map_err(|why| BadPattern::Name { pattern: pattern.into(), why })?;
    if !domain.as_str().contains('.') {
        return Err(BadPattern::TooBroad { pattern: pattern.into(), domain: domain.as_str().into() });
    }
    Ok(domain)
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(patterns: &[&str]) -> Vec<String> {
        Domains::fold(patterns.iter().copied()).unwrap().domains.iter().map(str::to_owned).collect()
    }

    #[test]
    fn patterns_fold_into_the_smallest_set() {
        assert_eq!(
            domains(&["eu.api.openai.com", "api.openai.com", "*.openai.azure.com", "API.openai.com."]),
            ["api.openai.com", "openai.azure.com"]
        );
        assert_eq!(domains(&["*.*.b.example", "a.b.example"]), ["b.example"]);
        assert_eq!(domains(&["openai.com", "notopenai.com"]), ["notopenai.com", "openai.com"]);
    }

    #[test]
    fn what_a_fold_gives_away_is_listed() {
        let folded = Domains::fold(["*.a.example", "x.*.b.example", "*-y.c.example", "d.example"]).unwrap();
        let widened: Vec<_> = folded.widened.iter().map(|w| (&*w.pattern, &*w.domain)).collect();
        assert_eq!(widened, [("x.*.b.example", "b.example"), ("*-y.c.example", "c.example")]);
    }

    #[test]
    fn a_shared_cloud_domain_is_never_permitted_as_a_whole() {
        let folded = Domains::fold([
            "bedrock-runtime.*.amazonaws.com",
            "*.bedrock-runtime.*.vpce.amazonaws.com",
            "*-aiplatform.*.rep.googleapis.com",
            "copilot-api.*.ghe.com",
            "*cloudcode-pa.sandbox.googleapis.com",
        ])
        .unwrap();
        for (host, inside) in [
            ("bedrock-runtime.us-east-1.amazonaws.com", true),
            ("vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com", true),
            ("us-central1-aiplatform.us-central1.rep.googleapis.com", true),
            ("sts.amazonaws.com", false),
            ("bucket.s3.us-east-1.amazonaws.com", false),
            ("storage.googleapis.com", false),
            ("copilot-api.acme.ghe.com", false),
        ] {
            assert_eq!(folded.domains.contain(&Host::parse(host).unwrap()), inside, "{host}");
        }
        assert_eq!(
            folded.left_out,
            ["copilot-api.*.ghe.com", "*cloudcode-pa.sandbox.googleapis.com"].map(Box::<str>::from)
        );
        assert!(folded.widened.is_empty());
    }

    #[test]
    fn groups_are_small_and_lose_nothing() {
        let names: Vec<String> = (0..100).map(|i| format!("h{i}.p{}.example", i % 7)).collect();
        let all = Domains::fold(names.iter().map(String::as_str)).unwrap().domains;
        let groups = all.groups();
        assert!(groups.len() == 7 && groups.iter().all(|group| group.len() <= GROUP));
        let mut joined = Domains::default();
        groups.iter().for_each(|group| joined.extend(group));
        assert_eq!(joined, all);
    }

    #[test]
    fn top_level_domains_and_nonsense_are_refused() {
        for pattern in ["com", "*.com", "*", "", "a b.example", "1.2.3.4", "*x"] {
            assert!(Domains::fold([pattern]).is_err(), "{pattern:?}");
        }
    }

    #[test]
    fn containment_goes_by_labels() {
        let set = Domains::fold(["api.openai.com"]).unwrap().domains;
        for (host, inside) in [
            ("api.openai.com", true),
            ("eu.api.openai.com", true),
            ("openai.com", false),
            ("xapi.openai.com", false),
            ("api.openai.com.evil.example", false),
        ] {
            assert_eq!(set.contain(&Host::parse(host).unwrap()), inside, "{host}");
        }
    }
}
