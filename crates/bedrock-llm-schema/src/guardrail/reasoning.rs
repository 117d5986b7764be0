//! What an automated reasoning policy proved.

use crate::content::tool::Empty;
use crate::wire::{wire_enum, wire_struct, wire_union};

wire_enum! {
    /// What is odd about the logic of a statement.
    pub enum LogicWarningType {
        /// It cannot be true.
        AlwaysFalse = "ALWAYS_FALSE",
        /// It cannot be false.
        AlwaysTrue = "ALWAYS_TRUE",
    }
}

wire_union! {
    /// One finding.
    pub enum Finding {
        /// The claims follow from the rules.
        Valid(ValidFinding) = "valid",
        /// The claims contradict the rules.
        Invalid(ContradictedFinding) = "invalid",
        /// The claims may be true or false.
        Satisfiable(SatisfiableFinding) = "satisfiable",
        /// The premises contradict the rules or each other.
        Impossible(ContradictedFinding) = "impossible",
        /// The words can be read in more than one way.
        TranslationAmbiguous(AmbiguousFinding) = "translationAmbiguous",
        /// Too much to prove.
        TooComplex(Empty) = "tooComplex",
        /// Nothing in it that the policy speaks of.
        NoTranslations(Empty) = "noTranslations",
    }
}

wire_struct! {
    /// What an automated reasoning policy found.
    #[derive(Default)]
    pub struct AutomatedReasoningPolicyAssessment {
        /// The findings.
        pub findings: Option<Vec<Finding>>,
    }

    /// The claims follow from the rules.
    #[derive(Default)]
    pub struct ValidFinding {
        /// The words as logic.
        pub translation: Option<Translation>,
        /// A case in which they hold.
        pub claims_true_scenario: Option<Scenario>,
        /// The rules they follow from.
        pub supporting_rules: Option<Vec<Rule>>,
        /// What is odd about them.
        pub logic_warning: Option<LogicWarning>,
    }

    /// Claims or premises contradict the rules.
    #[derive(Default)]
    pub struct ContradictedFinding {
        /// The words as logic.
        pub translation: Option<Translation>,
        /// The rules they contradict.
        pub contradicting_rules: Option<Vec<Rule>>,
        /// What is odd about them.
        pub logic_warning: Option<LogicWarning>,
    }

    /// The claims may be true or false.
    #[derive(Default)]
    pub struct SatisfiableFinding {
        /// The words as logic.
        pub translation: Option<Translation>,
        /// A case in which they hold.
        pub claims_true_scenario: Option<Scenario>,
        /// A case in which they do not.
        pub claims_false_scenario: Option<Scenario>,
        /// What is odd about them.
        pub logic_warning: Option<LogicWarning>,
    }

    /// The words can be read in more than one way.
    #[derive(Default)]
    pub struct AmbiguousFinding {
        /// The ways.
        pub options: Option<Vec<TranslationOption>>,
        /// Cases in which they differ.
        pub difference_scenarios: Option<Vec<Scenario>>,
    }

    /// One way to read the words.
    #[derive(Default)]
    pub struct TranslationOption {
        /// The words as logic.
        pub translations: Option<Vec<Translation>>,
    }

    /// Words as logic.
    #[derive(Default)]
    pub struct Translation {
        /// What is taken as given.
        pub premises: Option<Vec<Statement>>,
        /// What is claimed.
        pub claims: Option<Vec<Statement>>,
        /// Premises that could not be put as logic.
        pub untranslated_premises: Option<Vec<InputText>>,
        /// Claims that could not be put as logic.
        pub untranslated_claims: Option<Vec<InputText>>,
        /// How sure the translation is, 0 to 1.
        pub confidence: Option<f64>,
    }

    /// A statement.
    #[derive(Default)]
    pub struct Statement {
        /// As logic.
        pub logic: Option<String>,
        /// In words.
        pub natural_language: Option<String>,
    }

    /// A part of the text.
    #[derive(Default)]
    pub struct InputText {
        /// The words.
        pub text: Option<String>,
    }

    /// A case.
    #[derive(Default)]
    pub struct Scenario {
        /// What holds in it.
        pub statements: Option<Vec<Statement>>,
    }

    /// A rule of a policy.
    #[derive(Default)]
    pub struct Rule {
        /// Its id.
        pub identifier: Option<String>,
        /// The policy's version.
        pub policy_version_arn: Option<String>,
    }

    /// What is odd about the logic.
    #[derive(Default)]
    pub struct LogicWarning {
        /// What it is.
        pub r#type: Option<LogicWarningType>,
        /// The premises concerned.
        pub premises: Option<Vec<Statement>>,
        /// The claims concerned.
        pub claims: Option<Vec<Statement>>,
    }
}
