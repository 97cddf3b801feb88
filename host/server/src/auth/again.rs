//! What somebody who is logged in shows once more before they change how they log in:
//! the password. A stolen session guesses it no faster than the door lets.
use std::net::IpAddr;

use venn_store::{login_attempt::Attempt, password::PasswordLogin};

use super::Caller;
use crate::{
    app::App,
    attempts::Account,
    error::{ApiError, Code},
    password::{Lane, Password},
};

impl App {
    /// The caller's own login by password; refused if they have none.
    pub async fn own_login(&self, caller: &Caller) -> Result<PasswordLogin, ApiError> {
        let org = self.store.organization(caller.principal.organization.as_str()).await?;
        let person = self.store.person(caller.user()).await?;
        let (Some(org), Some(person)) = (org, person) else { return Err(ApiError::not_found()) };
        let login = self.store.password_login(&org.slug, &person.email).await?;
        login.filter(|login| login.hash.is_some()).ok_or_else(|| {
            let next = "An admin of the organization makes an invitation: `venn orgs members --invite USER`.";
            ApiError::new(Code::WrongState, "You have no password yet.", next)
        })
    }

    /// Begins to show something as the caller.
    pub async fn begin_as(&self, caller: &Caller, address: IpAddr) -> Result<Attempt, ApiError> {
        let account = Account::new(caller.principal.organization.as_str(), caller.user().as_str());
        let begun = self.begin_attempt(account, address, Some(caller.token.as_str())).await?;
        begun.map_err(|wait_ms| ApiError::wait("It was wrong too often.", wait_ms))
    }

    /// Refuses whoever does not know the caller's password.
    pub async fn confirm_password(
        &self,
        caller: &Caller,
        login: &PasswordLogin,
        address: IpAddr,
        place: &str,
        password: Password,
    ) -> Result<(), ApiError> {
        let attempt = self.begin_as(caller, address).await?;
        match self.hashing.verify(Lane::Known, password, login.hash.clone()).await {
            Ok(true) => self.store.attempt_succeeded(attempt).await?,
            Ok(false) => {
                return Err(ApiError::new(
                    Code::Invalid,
                    format!("{place}: this is not your password."),
                    "Type it again, or ask an admin of the organization for an invitation.",
                ));
            }
            Err(error) => {
                self.store.take_back_attempt(attempt).await?;
                return Err(error);
            }
        }
        Ok(())
    }
}
