//! Hashes of passwords and tickets: what can be guessed at for as long as one likes. Holds shapes only, and no value.

use super::{Key, prefixed};

pub(super) const KEYS: &[Key] = &[
    prefixed(
        "secret.password_hash_bcrypt",
        "PASSWORD_HASH_BCRYPT",
        "a bcrypt password hash",
        &[
            "$2a$[0-9]{2}$[0-9A-Za-z./]{53}",
            "$2b$[0-9]{2}$[0-9A-Za-z./]{53}",
            "$2y$[0-9]{2}$[0-9A-Za-z./]{53}",
        ],
    ),
    prefixed(
        "secret.password_hash_sha512",
        "PASSWORD_HASH_SHA512",
        "a SHA-512 password hash",
        &["$6$[0-9A-Za-z./=$]{40,140}"],
    ),
    prefixed(
        "secret.password_hash_sha256",
        "PASSWORD_HASH_SHA256",
        "a SHA-256 password hash",
        &["$5$[0-9A-Za-z./=$]{40,110}"],
    ),
    prefixed(
        "secret.password_hash_argon2",
        "PASSWORD_HASH_ARGON2",
        "an Argon2 password hash",
        &[
            "$argon2id$v=[0-9]{1,3}$[0-9A-Za-z,=]{6,40}$[0-9A-Za-z+/]{8,64}$[0-9A-Za-z+/]{16,128}",
            "$argon2i$v=[0-9]{1,3}$[0-9A-Za-z,=]{6,40}$[0-9A-Za-z+/]{8,64}$[0-9A-Za-z+/]{16,128}",
        ],
    ),
    prefixed(
        "secret.password_hash_yescrypt",
        "PASSWORD_HASH_YESCRYPT",
        "a yescrypt password hash",
        &["$y$[0-9A-Za-z./]{2,8}$[0-9A-Za-z./]{8,32}$[0-9A-Za-z./]{40,90}"],
    ),
    prefixed(
        "secret.cisco_password_hash",
        "CISCO_PASSWORD_HASH",
        "a Cisco type 8 or 9 password hash",
        &["$8$[0-9A-Za-z./]{14}$[0-9A-Za-z./]{43}", "$9$[0-9A-Za-z./]{14}$[0-9A-Za-z./]{43}"],
    ),
    prefixed(
        "secret.kerberos_hash",
        "KERBEROS_HASH",
        "a Kerberos ticket hash",
        &[
            "$krb5asrep$[0-9]{1,2}$[0-9A-Za-z@._-]{3,80}:[0-9a-f]{32}$[0-9a-f]{100,4000}",
            "$krb5tgs$[0-9]{1,2}$[0-9A-Za-z@._*$/-]{3,200}",
        ],
    ),
];
