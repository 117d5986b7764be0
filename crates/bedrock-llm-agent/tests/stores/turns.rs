//! Turns: what goes in comes out.

use bedrock_llm_agent::store::{StoreError, Turn};
use bedrock_llm_schema::Message;
use serde_json::json;

use crate::given::{assistant, call, loaded, progress, refused, state, texts, user};
use crate::place::{Outcome, Place};

pub(crate) async fn a_session_is_its_turns(place: &Place) -> Outcome {
    let store = place.open().await?;
    assert!(store.load("s").await?.is_none());
    let first = store.append("s", 0, user("Hello")).await?;
    assert!(first > 0);
    let second = store.append("s", first, assistant("Hi")).await?;
    let third = store.append("s", second, user("And")).await?;
    // what one role says in two turns is one message
    let mut turn = user("then?");
    turn.state = Some(serde_json::Map::from_iter([("mood".to_owned(), json!({"good": 0.1, "ß": null}))]));
    turn.calls = vec![call("call_1", "running")?];
    turn.run = progress();
    turn.begins_run = true;
    let fourth = store.append("s", third, turn.clone()).await?;
    assert!(first < second && second < third && third < fourth);

    let session = loaded(&*store, "s").await?;
    assert_eq!((session.id.as_str(), session.version), ("s", fourth));
    assert_eq!(texts(&session), ["Hello", "Hi", "Andthen?"]);
    assert_eq!(Some(&session.state), turn.state.as_ref());
    assert_eq!((&session.calls, &session.progress), (&turn.calls, &turn.run));
    assert!(session.created <= session.updated);
    let records = store.turns("s", third, 10).await?;
    assert_eq!((records.len(), records[0].version, records[0].at), (1, fourth, session.updated));
    assert_eq!(records[0].turn, turn);

    // the state stays until it changes, the run does not
    let fifth = store.append("s", fourth, assistant("Now.")).await?;
    let session = loaded(&*store, "s").await?;
    assert_eq!((session.version, Some(session.state), session.progress), (fifth, turn.state, None));
    store.append("s", fifth, state("mood", "none")).await?;
    assert_eq!(loaded(&*store, "s").await?.state["mood"], "none");
    Ok(())
}

pub(crate) async fn a_context_takes_the_place_of_what_was_said(place: &Place) -> Outcome {
    let store = place.open().await?;
    let mut version = store.append("s", 0, user("One")).await?;
    let mut turn = assistant("Two");
    turn.context = Some(vec![Message::user("Summary of one"), Message::assistant("Two")]);
    version = store.append("s", version, turn.clone()).await?;
    version = store.append("s", version, user("Three")).await?;
    assert_eq!(texts(&loaded(&*store, "s").await?), ["Summary of one", "Two", "Three"]);
    turn.context = Some(Vec::new());
    turn.messages.clear();
    version = store.append("s", version, turn).await?;
    assert_eq!(texts(&loaded(&*store, "s").await?), [""; 0]);
    store.append("s", version, user("Four")).await?;
    assert_eq!(texts(&loaded(&*store, "s").await?), ["Four"]);
    // the transcript has all of it
    let said = store.turns("s", 0, 10).await?.into_iter().flat_map(|record| record.turn.messages);
    let said: Vec<String> = said.map(|message| message.text()).collect();
    assert_eq!(said, ["One", "Two", "Three", "Four"]);
    Ok(())
}

pub(crate) async fn the_transcript_is_read_in_parts(place: &Place) -> Outcome {
    let store = place.open().await?;
    let mut versions = vec![store.append("s", 0, user("0")).await?];
    // another session's turns lie between
    let other = store.append("t", 0, user("x")).await?;
    for n in 1..7_usize {
        versions.push(store.append("s", versions[n - 1], user(&n.to_string())).await?);
    }
    let mut read = Vec::new();
    loop {
        let part = store.turns("s", read.last().copied().unwrap_or(0), 3).await?;
        assert!(part.len() <= 3);
        if part.is_empty() {
            break;
        }
        read.extend(part.iter().map(|record| record.version));
    }
    assert_eq!(read, versions);
    assert_eq!(store.turns("s", other, 1).await?[0].version, versions[1]);
    assert_eq!(store.turns("s", u64::MAX, usize::MAX).await?, []);
    assert_eq!(store.turns("s", 0, 0).await?, []);
    Ok(())
}

pub(crate) async fn large_payloads_come_back(place: &Place) -> Outcome {
    let store = place.open().await?;
    // letters without a pattern, which no compression makes small, and one letter over and over
    let mut seed = 1_u64;
    let noise: String = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from_u32(0x4e00 + ((seed >> 40) as u32 % 0x5000)).unwrap_or('?')
    })
    .take(400_000)
    .collect();
    let even = "a\u{0}\"\\🦀".repeat(300_000);
    let mut turn = user(&noise);
    turn.state = Some(serde_json::Map::from_iter([("even".to_owned(), json!(even))]));
    turn.context = Some(vec![Message::user(even.as_str())]);
    store.append("s", 0, turn.clone()).await?;
    let session = loaded(&*store, "s").await?;
    assert!(session.conversation.messages()[0].text() == even && Some(&session.state) == turn.state.as_ref());
    assert!(store.turns("s", 0, 1).await?[0].turn == turn);
    Ok(())
}

pub(crate) async fn an_unsound_session_is_told(place: &Place) -> Outcome {
    let store = place.open().await?;
    let first = store.append("s", 0, user("a secret")).await?;
    store.append("s", first, Turn::said([Message::assistant("")])).await?;
    let error = refused(store.load("s").await);
    let StoreError::Corrupt { session, message } = &error else { panic!("{error:?}") };
    assert_eq!(session, "s");
    assert!(!message.contains("a secret"), "{message}");
    // and can be mended
    store.rollback("s", first).await?;
    assert_eq!(texts(&loaded(&*store, "s").await?), ["a secret"]);
    Ok(())
}

pub(crate) async fn turns_survive_reopening(place: &Place) -> Outcome {
    let store = place.open().await?;
    let first = store.append("s", 0, user("Hello")).await?;
    store.snapshot("s", "start").await?;
    let session = loaded(&*store, "s").await?;
    let other = place.open().await?;
    assert_eq!(loaded(&*other, "s").await?, session);
    drop(store);
    let second = other.append("s", first, assistant("Hi")).await?;
    drop(other);
    let store = place.open().await?;
    assert_eq!(texts(&loaded(&*store, "s").await?), ["Hello", "Hi"]);
    assert_eq!(store.snapshot_version("s", "start").await?, Some(first));
    // also of sessions that are gone
    store.delete("s").await?;
    drop(store);
    let again = place.open().await?.append("s", 0, user("Hello")).await?;
    assert!(again > second, "{again} was used before");
    Ok(())
}
