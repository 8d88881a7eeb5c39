//! How batches, and the keys that stand for them, go.

use crate::{BatchKey, Claim, Ledger, LedgerError, Sealed};

impl Ledger {
    /// Nobody needs to look after it any more.
    pub async fn close(&self, key: &BatchKey) -> Result<(), LedgerError> {
        Ok(self.store.delete(&key.open()).await?)
    }

    /// As if it had never been.
    pub async fn forget(&self, key: &BatchKey) -> Result<(), LedgerError> {
        self.folds.forget(key);
        self.store.delete_folder(&key.folder()).await?;
        self.close(key).await
    }

    /// Removes a batch whose list is no good. `false`: its list has become whole in another server's hands, and it stays.
    ///
    /// Both want to write the seal, which one of them can. So the seal of a list that was removed says that there is none,
    /// and stays: a server that is still taking one in under the same id cannot make it whole.
    pub async fn remove_unsealed(&self, key: &BatchKey, now_s: u64) -> Result<bool, LedgerError> {
        let sealed = self.seal(key, Sealed::void(now_s)).await?;
        if !sealed.is_void() {
            return Ok(false);
        }
        self.folds.forget(key);
        self.store
            .delete_folder_but(&key.folder(), "sealed.json")
            .await?;
        self.close(key).await?;
        Ok(true)
    }

    /// Keys that were last used before.
    pub async fn forget_claims(&self, tenant: &str, before_s: u64) -> Result<(), LedgerError> {
        for claim in self.store.list(&format!("idempotency/{tenant}")).await? {
            if claim.modified_s < before_s.cast_signed() {
                self.unclaim(tenant, &claim.name).await?;
            }
        }
        Ok(())
    }

    /// The key stands for no batch, unless it stands for another one by now.
    pub async fn unclaim_batch(
        &self,
        tenant: &str,
        key_hash: &str,
        batch: &str,
    ) -> Result<(), LedgerError> {
        let name = format!("idempotency/{tenant}/{key_hash}");
        let claim: Option<Claim> = self.read(&name).await?;
        match claim.is_some_and(|claim| claim.batch == batch) {
            true => self.unclaim(tenant, key_hash).await,
            false => Ok(()),
        }
    }

    async fn unclaim(&self, tenant: &str, key_hash: &str) -> Result<(), LedgerError> {
        let name = format!("idempotency/{tenant}/{key_hash}");
        Ok(self.store.delete(&name).await?)
    }
}
