//! Passwords: hashed with argon2id, compared in the time that the hash takes, on few threads at once.
//!
//! Under sign-in, set-up and `leastwise user add`. It keeps nothing and knows no names.

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// The fewest characters of a password.
pub const SHORTEST: usize = 12;
/// The most bytes of a password; more would only be work.
pub const LONGEST: usize = 1024;
/// Hashes that are worked out at once: each takes 19 MiB.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// OWASP's second choice of parameters: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19_456, 2, 1, None).unwrap_or_default())
}

/// The hash of a password, in PHC form.
///
/// # Errors
/// When it is too short, too long, or the machine has no randomness; the message says which.
pub fn hash(password: &str) -> Result<String, String> {
    if password.chars().count() < SHORTEST {
        return Err(format!("a password has at least {SHORTEST} characters"));
    }
    if password.len() > LONGEST {
        return Err(format!("a password has at most {LONGEST} bytes"));
    }
    let salt = SaltString::generate(&mut OsRng);
    argon2().hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Whether `password` has the hash. Without a hash, as long is worked and the answer is no.
pub(crate) async fn fits(password: String, hash: Option<String>) -> bool {
    let Ok(_permit) = AT_ONCE.acquire().await else { return false };
    let work = tokio::task::spawn_blocking(move || {
        if password.len() > LONGEST {
            return false;
        }
        match hash.as_deref().map(PasswordHash::new) {
            Some(Ok(known)) => argon2().verify_password(password.as_bytes(), &known).is_ok(),
            _ => {
                let mut out = [0; 32];
                let worked = argon2().hash_password_into(password.as_bytes(), b"nobody has this salt", &mut out);
                std::hint::black_box((worked.is_ok(), out));
                false
            }
        }
    });
    work.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let known = hash("correct horse battery").unwrap();
        assert!(known.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{known}");
        assert!(fits("correct horse battery".to_owned(), Some(known.clone())).await);
        assert!(!fits("correct horse batterz".to_owned(), Some(known.clone())).await);
        assert!(!fits("correct horse battery".to_owned(), None).await);
        assert!(!fits("correct horse battery".to_owned(), Some("!".to_owned())).await);
        assert_ne!(known, hash("correct horse battery").unwrap(), "every hash has a salt of its own");
    }

    #[test]
    fn short_passwords_are_refused() {
        assert!(hash("elevenchars").unwrap_err().contains("at least 12"));
        assert!(hash(&"x".repeat(1025)).unwrap_err().contains("at most 1024"));
    }
}
