//! Domains that a cloud shares among all of its products and customers, and the regions in host names below
//! them. A constraint on such a domain would let a stolen key impersonate storage buckets and sign-in pages,
//! so that patterns below it are spelled out region by region.
//! Knows names. The lists age: what is missing is added with `--permit`, or here.

/// A shared domain.
pub(super) struct Cloud {
    /// The domain.
    pub(super) domain: &'static str,
    /// The labels that stand for a wildcard. None are known if customers choose them.
    pub(super) regions: &'static [&'static str],
}

/// The cloud to which `domain` belongs.
pub(super) fn of(domain: &str) -> Option<&'static Cloud> {
    CLOUDS.iter().find(|cloud| {
        domain.strip_suffix(cloud.domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

const CLOUDS: &[Cloud] = &[
    Cloud { domain: "amazonaws.com", regions: AWS },
    Cloud { domain: "api.aws", regions: AWS },
    Cloud { domain: "amazonaws.com.cn", regions: &["cn-north-1", "cn-northwest-1"] },
    Cloud { domain: "googleapis.com", regions: GOOGLE },
    Cloud { domain: "oraclecloud.com", regions: ORACLE },
    Cloud { domain: "aliyuncs.com", regions: ALIBABA },
    Cloud { domain: "volces.com", regions: &["cn-beijing", "cn-shanghai", "ap-southeast-1"] },
    Cloud { domain: "bytepluses.com", regions: &["ap-southeast", "ap-southeast-1", "eu-west-1"] },
    // Customers choose these labels.
    Cloud { domain: "cfapps.sap.hana.ondemand.com", regions: &[] },
    Cloud { domain: "ghe.com", regions: &[] },
];

const AWS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

const GOOGLE: &[&str] = &[
    "africa-south1",
    "asia-east1",
    "asia-east2",
    "asia-northeast1",
    "asia-northeast2",
    "asia-northeast3",
    "asia-south1",
    "asia-south2",
    "asia-southeast1",
    "asia-southeast2",
    "australia-southeast1",
    "australia-southeast2",
    "eu",
    "europe-central2",
    "europe-north1",
    "europe-southwest1",
    "europe-west1",
    "europe-west10",
    "europe-west12",
    "europe-west2",
    "europe-west3",
    "europe-west4",
    "europe-west6",
    "europe-west8",
    "europe-west9",
    "global",
    "me-central1",
    "me-central2",
    "me-west1",
    "northamerica-northeast1",
    "northamerica-northeast2",
    "northamerica-south1",
    "southamerica-east1",
    "southamerica-west1",
    "us",
    "us-central1",
    "us-east1",
    "us-east4",
    "us-east5",
    "us-south1",
    "us-west1",
    "us-west2",
    "us-west3",
    "us-west4",
];

const ORACLE: &[&str] = &[
    "ap-hyderabad-1",
    "ap-osaka-1",
    "eu-frankfurt-1",
    "me-dubai-1",
    "me-riyadh-1",
    "sa-saopaulo-1",
    "uk-london-1",
    "us-ashburn-1",
    "us-chicago-1",
    "us-phoenix-1",
];

const ALIBABA: &[&str] = &[
    "ap-southeast-1",
    "cn-beijing",
    "cn-hangzhou",
    "cn-hongkong",
    "cn-shanghai",
    "eu-central-1",
    "us-east-1",
];
