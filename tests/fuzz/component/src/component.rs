//! An upload: the first byte says how it is made of the others.
//!
//! Bytes as they are; a component by chance (wasm-smith); a component of some world over
//! our contract, whole or changed in places. Whatever it is, the gate answers with
//! words and does not break; what it takes imports nothing but the contract and WASI
//! 0.2, as others read the imports too; and of a whole component it says what its world
//! says.
use arbitrary::Unstructured;
use venn_domain::contract::{self, Import};
use venn_sandbox::gate::{CHECKS, Inspection, inspect};
use wit_component::{DecodedWasm, decode};

use crate::world::World;

pub(crate) fn run(bytes: &[u8]) {
    let [how, rest @ ..] = bytes else { return };
    let mut chance = Unstructured::new(rest);
    match how % 4 {
        0 => checked(rest),
        1 => by_chance(&mut chance),
        _ => {
            let Ok(world) = World::by_chance(&mut chance) else { return };
            let Some(mut component) = world.component() else { return };
            let inspection = inspect(&component);
            assert_eq!(inspection.ok(), world.is_a_plugin(), "{world:?}: {inspection:?}");
            for (place, byte) in chance.arbitrary_iter::<(u32, u8)>().unwrap().flatten().take(16) {
                let place = place as usize % component.len();
                component.iter_mut().skip(place).take(1).for_each(|old| *old ^= byte);
            }
            checked(&component);
        }
    }
}

/// In long runs only.
#[cfg(feature = "libfuzzer")]
fn by_chance(chance: &mut Unstructured<'_>) {
    let made = wasm_smith::Component::new(wasm_smith::Config::default(), chance);
    made.iter().for_each(|component| checked(&component.to_bytes()));
}

#[cfg(not(feature = "libfuzzer"))]
const fn by_chance(_: &mut Unstructured<'_>) {}

fn checked(bytes: &[u8]) {
    let inspection = inspect(bytes);
    assert!(!inspection.findings.is_empty());
    for finding in &inspection.findings {
        assert!(CHECKS.iter().any(|(id, _)| *id == finding.check), "{finding:?}");
        assert!(finding.ok || !finding.message.is_empty() && !finding.hint.is_empty());
        let texts = [&finding.message, &finding.hint];
        assert!(texts.iter().all(|text| !text.contains(char::is_control)), "{finding:?}");
    }
    if inspection.ok() {
        accepted(bytes, &inspection);
    }
}

fn accepted(bytes: &[u8], inspection: &Inspection) {
    for import in &inspection.imports {
        let known = contract::classify(&import.name);
        assert!(!matches!(known, Import::Foreign { .. }), "{import:?}");
    }
    // Its types may still be unsound: that is the compiler's to say.
    if let Ok(DecodedWasm::Component(resolve, world)) = decode(bytes) {
        for name in resolve.worlds[world].imports.keys() {
            let name = resolve.name_world_key(name);
            let listed = inspection.imports.iter().any(|import| import.name == name);
            assert!(listed, "{name} is imported, and was not looked at");
        }
    }
}
