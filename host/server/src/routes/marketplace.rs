//! What customers can install.
use crate::{
    api::marketplace,
    call::{Access::Anyone, Calls, about},
};

pub(super) fn calls(calls: Calls) -> Calls {
    calls
        .get(
            "/marketplace/plugins",
            Anyone,
            marketplace::list,
            about("Lists the plugins that customers can install."),
        )
        .get(
            "/marketplace/plugins/{name}",
            Anyone,
            marketplace::get,
            about("Tells what a plugin may do, why, and where data goes."),
        )
}
