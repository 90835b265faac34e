//! A policy bundle: Rego modules and the data they read, such as limits.
//!
//! Invariant: two bundles with the same digest hold the same modules and data. A bundle is only text here; what it
//! means is known once it is compiled. There is no second way to change a limit than a bundle with other data.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// One Rego module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Encode, Decode)]
pub struct Module {
    /// Its path, like `finance/compliance.rego`; unique in the bundle.
    #[n(0)]
    pub name: String,
    /// Its text.
    #[n(1)]
    pub text: String,
}

/// Modules and data that come into force together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
pub struct Bundle {
    /// The modules, in any order.
    #[n(0)]
    pub modules: Vec<Module>,
    /// A JSON object: the document at `data`, without what the modules define.
    #[n(1)]
    pub data: String,
}

impl Bundle {
    /// The largest bundle taken, in bytes of names, texts and data.
    pub const SIZE_MAX: usize = 256 * 1024;

    /// The same modules with other data: how a limit is changed.
    #[must_use]
    pub fn with_data(&self, data: impl Into<String>) -> Self {
        Self { modules: self.modules.clone(), data: data.into() }
    }

    /// Bytes of names, texts and data.
    pub fn size(&self) -> usize {
        self.modules.iter().map(|m| m.name.len() + m.text.len()).sum::<usize>() + self.data.len()
    }

    /// SHA-256 over the modules in the order of their names, and the data.
    pub fn digest(&self) -> Digest {
        let mut modules: Vec<&Module> = self.modules.iter().collect();
        modules.sort_unstable();
        let bytes = minicbor::to_vec((modules, &self.data)).expect("writing to memory does not fail");
        Digest(Sha256::digest(bytes).into())
    }
}

/// The bundle that the repository ships: the two limits of the requirements, and who may call what.
pub fn default_bundle() -> Bundle {
    let module = |name: &str, text: &str| Module { name: name.into(), text: text.into() };
    Bundle {
        modules: vec![
            module("finance/compliance.rego", include_str!("../../../policies/finance/compliance.rego")),
            module("finance/authz.rego", include_str!("../../../policies/finance/authz.rego")),
        ],
        data: include_str!("../../../policies/data.json").into(),
    }
}

/// Names a bundle by its content. Shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<C> Encode<C> for Digest {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Digest {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        d.bytes()?.try_into().map(Self).map_err(|_| minicbor::decode::Error::message("want 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_depends_on_content_and_not_on_the_order_of_modules() {
        let bundle = default_bundle();
        let mut turned = bundle.clone();
        turned.modules.reverse();
        assert_eq!(bundle.digest(), turned.digest());
        assert_ne!(bundle.digest(), bundle.with_data("{}").digest());
        turned.modules[0].text.push('\n');
        assert_ne!(bundle.digest(), turned.digest());
    }
}
