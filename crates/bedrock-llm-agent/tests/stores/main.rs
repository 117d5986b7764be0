//! What every store does, on each of them.

mod conflicts;
mod given;
mod place;
#[cfg(feature = "postgres")]
mod postgres_server;
#[cfg(feature = "sqlite")]
mod property;
mod runs;
mod sessions;
#[cfg(feature = "sqlite")]
mod sqlite_files;
mod turns;

macro_rules! on_every_store {
    ($($module:ident: $($test:ident),+;)+) => {
        on_every_store! { @ memory [$($module: $($test),+;)+] }
        #[cfg(feature = "sqlite")]
        on_every_store! { @ sqlite [$($module: $($test),+;)+] }
        #[cfg(feature = "postgres")]
        on_every_store! { @ postgres [$($module: $($test),+;)+] }
    };
    (@ $kind:ident [$($module:ident: $($test:ident),+;)+]) => {
        mod $kind {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    if let Some(place) = crate::place::Place::$kind().await {
                        crate::$module::$test(&place).await.unwrap();
                    }
                }
            )+)+
        }
    };
}

on_every_store! {
    turns: a_session_is_its_turns, a_context_takes_the_place_of_what_was_said, the_transcript_is_read_in_parts,
        large_payloads_come_back, an_unsound_session_is_told, turns_survive_reopening;
    sessions: snapshots_are_gone_back_to, a_branch_goes_its_own_way, sessions_are_listed, deleted_is_deleted,
        old_sessions_go, unknown_sessions_are_told, names_are_checked;
    conflicts: of_two_writers_one_wins, a_session_that_went_away_is_a_conflict, no_turn_of_many_writers_is_lost,
        one_of_many_begins_a_session, policies_say_what_happens, a_turn_that_does_not_fit_is_not_appended;
    runs: a_run_is_gone_on_with, calls_are_those_of_the_run;
}
