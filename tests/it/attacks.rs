//! The attack catalogue, `docs/attacks.md`: every case there is tried here, held by
//! a test that it names, not applicable, or an accepted risk.
//!
//! What is tried here is a plugin, an upload or a call against a served Venn, next
//! to a bystander: another organization with another publisher's plugin, whose calls
//! must all succeed. Each attack has a process of its own, so that its memory and
//! its panics are its own too. `cargo xtask attacks` prints what came of them.
//!
//! To add one: a row in the document, a line in [`tried`], an `async fn(&Scene) ->
//! String` in the file of its kind that asserts what must hold and tells in a few
//! words how it ended. Guests that are written by hand lie in `tests/guests/wat`.
//!
//! - [`scene`]: one attack, from baseline to verdict · [`bystander`], [`process`]
//! - [`hostile`]: hand-written guests · [`catalogue`]: the document
//! - [`time`], [`memory`], [`boundary`], [`uploads`], [`files`], [`callers`],
//!   [`support_desk`]: the attacks
mod boundary;
mod bystander;
mod callers;
mod catalogue;
mod files;
pub mod hostile;
mod memory;
mod process;
mod scene;
mod support_desk;
mod time;
mod uploads;

/// The attacks: number in the catalogue, file, function.
macro_rules! tried {
    ($($number:literal $module:ident::$name:ident)*) => {
        /// Number and name of each.
        const TRIED: &[(u16, &str)] = &[$(($number, stringify!($name))),*];
        $(
            #[test]
            fn $name() {
                scene::tried($number, stringify!($name), |scene| Box::pin($module::$name(scene)));
            }
        )*
    };
}

tried! {
    1 time::a_loop_without_end
    2 time::a_loop_while_it_is_instantiated
    3 time::a_loop_in_its_allocator
    5 time::a_storm_of_tiny_host_calls
    6 time::a_timer_of_centuries
    7 time::megabytes_in_one_instruction
    9 time::sleepers_in_every_slot
    9 time::checks_in_every_slot
    10 time::a_pattern_that_backtracks
    10 time::a_schema_that_multiplies
    11 memory::memory_without_end
    12 memory::many_instances_that_are_small_each
    12 memory::more_instances_than_there_is_room_for
    14 memory::tables_without_end
    14 memory::a_table_that_begins_too_large
    15 memory::recursion_without_end
    17 memory::a_call_back_into_the_host
    18 memory::a_look_for_what_was_left_in_memory
    20 memory::runs_that_hold_what_they_have
    21 boundary::a_length_that_lies
    21 boundary::sixteen_megabytes_in_one_argument
    22 boundary::a_list_that_names_the_same_bytes
    24 boundary::headers_without_end
    24 boundary::a_header_of_megabytes
    25 boundary::resources_that_are_never_dropped
    25 boundary::timers_that_are_never_dropped
    27 boundary::randomness_without_end
    28 boundary::a_terabyte_of_zeros
    31 boundary::text_that_is_none
    32 boundary::an_answer_of_megabytes
    32 boundary::an_answer_that_nests_a_million_deep
    32 boundary::a_listing_of_large_answers
    33 boundary::a_flood_of_log_lines
    34 boundary::state_without_end
    43 boundary::a_look_around_the_host
    75 boundary::sockets_and_names
    35 uploads::a_function_of_many_variables
    35 uploads::variables_that_live_across_branches
    36 uploads::functions_and_exports_without_number
    37 uploads::components_in_components
    40 uploads::segments_and_branch_tables
    41 uploads::damaged_at_any_byte
    42 uploads::what_is_no_component
    43 uploads::imports_of_another_world
    44 uploads::types_of_another_contract
    45 uploads::fifty_uploads_at_once
    46 uploads::lengths_that_lie_and_bodies_without_end
    47 uploads::names_that_are_pages
    30 files::times_that_no_calendar_has
    95 files::paths_that_climb_out
    96 files::links_to_elsewhere
    99 files::holes_and_second_names
    100 files::a_disk_to_be_filled
    100 files::files_and_directories_without_end
    100 files::more_open_files_than_there_are
    101 files::a_look_for_what_was_left_on_the_disk
    111 callers::signatures_that_are_not_the_senders
    112 callers::calls_that_come_again
    131 support_desk::words_that_are_markup
    133 support_desk::a_fault_that_blames_the_platform
    134 support_desk::a_flood_of_different_failures
    137 support_desk::a_storm_that_hides_one_real_fault
}
