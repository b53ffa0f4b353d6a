//! Random bytes that can be had again.

use std::fmt;

use innkeeper_model::InstanceId;
use sha2::{Digest as _, Sha256};

/// What a drive's random bytes are made of: the same instance and seed give the same drive.
///
/// It is as secret as the bytes that the guest reads, and shows as `[seed]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A seed that the caller drew at random, as for every drive that is not to be made again.
    pub const fn from_random(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The seed that `text` stands for. Whoever knows the text knows the random bytes.
    pub fn from_text(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Fills a buffer for the drive of `instance`: block `n` is the SHA-256 of the seed, the
    /// instance and `n`, so that two instances with one seed share nothing.
    pub(crate) fn entropy(self, instance: InstanceId) -> impl FnMut(&mut [u8]) {
        let begun = Sha256::new().chain_update(self.0).chain_update(instance.to_string());
        let mut number: u64 = 0;
        move |buffer| {
            for chunk in buffer.chunks_mut(32) {
                let block = begun.clone().chain_update(number.to_le_bytes()).finalize();
                chunk.copy_from_slice(&block[..chunk.len()]);
                number += 1;
            }
        }
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[seed]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: Seed, instance: &str, sizes: &[usize]) -> Vec<u8> {
        let mut entropy = seed.entropy(instance.parse().expect("an id"));
        let mut all = Vec::new();
        for size in sizes {
            let mut buffer = vec![0; *size];
            entropy(&mut buffer);
            all.extend(buffer);
        }
        all
    }

    #[test]
    fn is_the_hash_of_seed_instance_and_number() {
        let id = "2f5687b3-fe6d-5555-8e3c-7e941684b024";
        let bytes = drawn(Seed::from_random([7; 32]), id, &[64]);
        for (number, block) in bytes.chunks(32).enumerate() {
            let mut hashed = [7; 32].to_vec();
            hashed.extend(id.as_bytes());
            hashed.extend((number as u64).to_le_bytes());
            assert_eq!(*block, *Sha256::digest(hashed), "block {number}");
        }
    }

    #[test]
    fn no_two_are_alike() {
        let (one, two) =
            ("2f5687b3-fe6d-5555-8e3c-7e941684b024", "01428a4d-277a-5f98-829d-e9b5f64db708");
        let seed = Seed::from_text("s");
        assert_eq!(drawn(seed, one, &[512]), drawn(Seed::from_text("s"), one, &[512]));
        assert_ne!(drawn(seed, one, &[512]), drawn(seed, two, &[512]));
        assert_ne!(drawn(seed, one, &[512]), drawn(Seed::from_text("t"), one, &[512]));
        let twice = drawn(seed, one, &[40, 40]);
        assert_ne!(twice[..40], twice[40..], "a part of a block is not used again");
        assert_eq!(format!("{seed:?}"), "[seed]");
    }
}
