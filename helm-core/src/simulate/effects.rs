use super::outcome_model::{Effect, OutcomeModel, Term};

/// Sources; relative risks and hazard ratios are used as odds ratios, which exaggerates frequent outcomes a little.
const CALIBRATED: &str = Effect::CALIBRATED;
const ABDULLAH: &str = "Abdullah et al. 2010, Diabetes Res Clin Pract 89:309: obesity, relative risk 7.2, about 2.3 per \
    5 kg/m², of which lipids and naps carry a part here";
const WILLI: &str =
    "Willi et al. 2007, JAMA 298:2654: active smokers, relative risk 1.44, halved for having ever smoked";
const SHAN: &str = "Shan et al. 2015, Diabetes Care 38:529: relative risk 1.09 an hour below 7, 1.14 an hour above";
const JAYEDI: &str = "Jayedi et al. 2018, Obes Rev 19:654: relative risk 1.49 per 5 kg/m²";
const ERFC: &str = "Emerging Risk Factors Collaboration 2009, JAMA 302:1993: hazard ratio 0.78 per 0.38 mmol/L of HDL";
const CTT: &str = "Cholesterol Treatment Trialists 2010, Lancet 376:1670: 22 % fewer events per mmol/L less LDL";
const INTERHEART: &str =
    "Yusuf et al. 2004, Lancet 364:937: current smoking, odds ratio 2.87, halved for having ever smoked";
const INTERHEART_DISEASE: &str = "Yusuf et al. 2004, Lancet 364:937: diabetes, odds ratio 2.37; hypertension, 1.91";
const INTERSTROKE: &str = "O'Donnell et al. 2010, Lancet 376:112: hypertension, odds ratio 2.64; diabetes, 1.36";
const INTERSTROKE_SMOKING: &str =
    "O'Donnell et al. 2010, Lancet 376:112: current smoking, odds ratio 2.09, halved for having ever smoked";
const LUPPINO: &str = "Luppino et al. 2010, Arch Gen Psychiatry 67:220: obesity, odds ratio 1.55 (per 5 kg/m²: 1.24)";
const SALK: &str = "Salk et al. 2017, Psychol Bull 143:783: women, odds ratio 1.95";
const LI: &str = "Li et al. 2016, BMC Psychiatry 16:375: insomnia, relative risk 2.27";
const HAMPEL: &str = "Hampel et al. 2005, Ann Intern Med 143:199: obesity, odds ratio 1.94 (per 5 kg/m²: 1.39)";
const EUSEBI: &str = "Eusebi et al. 2018, Gut 67:430: smoking, odds ratio 1.26";
const JIANG: &str = "Jiang et al. 2012, Joint Bone Spine 79:291: knee, relative risk 1.35 per 5 kg/m²";
const DOLL: &str = "Doll et al. 2004, BMJ 328:1519: smokers die ten years earlier; ever against never about 1.6";
const BMI_MORTALITY: &str = "Global BMI Mortality Collaboration 2016, Lancet 388:776: hazard ratio 1.31 per 5 kg/m² above 25, \
    and less over all weights";
const CAPPUCCIO: &str = "Cappuccio et al. 2010, Sleep 33:585: short sleep, relative risk 1.12; long sleep, 1.30";
const GOMPERTZ: &str = "Gompertz's law: mortality doubles every eight years";

/// The models in the order in which outcomes are drawn; later ones may depend on earlier ones.
pub const OUTCOME_MODELS: [OutcomeModel; 14] = [
    OutcomeModel {
        name: "diabetes",
        label: "diabetes",
        prevalence: 0.085,
        effects: &[
            Effect::new(Term::AgeDecade, 0.55, CALIBRATED),
            Effect::new(Term::Female, -0.45, CALIBRATED),
            Effect::new(Term::Bmi5, 0.75, ABDULLAH),
            Effect::new(Term::TriglyceridesDoubled, 0.35, CALIBRATED),
            Effect::new(Term::Hdl, -1.2, CALIBRATED),
            Effect::new(Term::EverSmoked, 0.18, WILLI),
            Effect::new(Term::ShortSleep, 0.09, SHAN),
            Effect::new(Term::LongSleep, 0.13, SHAN),
            Effect::new(Term::Napping, 0.35, CALIBRATED),
        ],
    },
    OutcomeModel {
        name: "hypertension",
        label: "hypertension",
        prevalence: 0.33,
        effects: &[
            Effect::new(Term::AgeDecade, 0.75, CALIBRATED),
            Effect::new(Term::Female, -0.3, CALIBRATED),
            Effect::new(Term::Bmi5, 0.4, JAYEDI),
            Effect::new(Term::Diastolic10, 0.3, CALIBRATED),
            Effect::new(Term::Diabetes, 0.6, CALIBRATED),
            Effect::new(Term::Snoring, 0.15, CALIBRATED),
        ],
    },
    OutcomeModel {
        name: "mortality",
        label: "death of any cause",
        prevalence: 0.075,
        effects: &[
            Effect::new(Term::AgeDecade, 0.87, GOMPERTZ),
            Effect::new(Term::Female, -0.45, CALIBRATED),
            Effect::new(Term::Bmi5, 0.2, BMI_MORTALITY),
            Effect::new(Term::EverSmoked, 0.47, DOLL),
            Effect::new(Term::ShortSleep, 0.11, CAPPUCCIO),
            Effect::new(Term::LongSleep, 0.26, CAPPUCCIO),
            Effect::new(Term::Diabetes, 0.5, CALIBRATED),
            Effect::new(Term::Airways, 0.2, CALIBRATED),
        ],
    },
    OutcomeModel {
        name: "asthma",
        label: "asthma",
        prevalence: 0.14,
        effects: &[Effect::new(Term::Obstruction, 1.25, CALIBRATED)],
    },
    OutcomeModel {
        name: "copd",
        label: "chronic obstructive pulmonary disease",
        prevalence: 0.05,
        effects: &[Effect::new(Term::Airways, 1.0, CALIBRATED), Effect::new(Term::Obstruction, 0.9, CALIBRATED)],
    },
    OutcomeModel {
        name: "depression",
        label: "major depression",
        prevalence: 0.12,
        effects: &[
            Effect::new(Term::AgeDecade, -0.12, CALIBRATED),
            Effect::new(Term::Female, 0.6, SALK),
            Effect::new(Term::Bmi5, 0.21, LUPPINO),
            Effect::new(Term::Insomnia, 0.82, LI),
            Effect::new(Term::Evening, 0.3, CALIBRATED),
            Effect::new(Term::EverSmoked, 0.15, CALIBRATED),
        ],
    },
    OutcomeModel {
        name: "migraine",
        label: "migraine",
        prevalence: 0.045,
        effects: &[
            Effect::new(Term::AgeDecade, -0.2, CALIBRATED),
            Effect::new(Term::Female, 0.95, CALIBRATED),
            Effect::new(Term::Insomnia, 0.3, CALIBRATED),
        ],
    },
    OutcomeModel {
        name: "myocardial_infarction",
        label: "myocardial infarction",
        prevalence: 0.06,
        effects: &[
            Effect::new(Term::AgeDecade, 0.5, CALIBRATED),
            Effect::new(Term::Female, -0.75, CALIBRATED),
            Effect::new(Term::Bmi5, 0.08, CALIBRATED),
            Effect::new(Term::Hdl, -0.65, ERFC),
            Effect::new(Term::Ldl, 0.25, CTT),
            Effect::new(Term::EverSmoked, 0.53, INTERHEART),
            Effect::new(Term::Diabetes, 0.86, INTERHEART_DISEASE),
            Effect::new(Term::Hypertension, 0.65, INTERHEART_DISEASE),
        ],
    },
    OutcomeModel {
        name: "stroke",
        label: "stroke",
        prevalence: 0.03,
        effects: &[
            Effect::new(Term::AgeDecade, 0.75, CALIBRATED),
            Effect::new(Term::Female, -0.35, CALIBRATED),
            Effect::new(Term::Hypertension, 0.97, INTERSTROKE),
            Effect::new(Term::Diabetes, 0.31, INTERSTROKE),
            Effect::new(Term::EverSmoked, 0.37, INTERSTROKE_SMOKING),
            Effect::new(Term::LongSleep, 0.2, CALIBRATED),
        ],
    },
    OutcomeModel {
        name: "cataract",
        label: "cataract",
        prevalence: 0.1,
        effects: &[
            Effect::new(Term::AgeDecade, 1.2, CALIBRATED),
            Effect::new(Term::Female, 0.1, CALIBRATED),
            Effect::new(Term::Diabetes, 0.5, CALIBRATED),
        ],
    },
    OutcomeModel {
        name: "gerd",
        label: "gastro-oesophageal reflux disease",
        prevalence: 0.13,
        effects: &[
            Effect::new(Term::AgeDecade, 0.3, CALIBRATED),
            Effect::new(Term::Bmi5, 0.33, HAMPEL),
            Effect::new(Term::EverSmoked, 0.23, EUSEBI),
            Effect::new(Term::Insomnia, 0.5, CALIBRATED),
        ],
    },
    OutcomeModel {
        name: "hay_fever_eczema",
        label: "hay fever or eczema",
        prevalence: 0.23,
        effects: &[
            Effect::new(Term::AgeDecade, -0.27, CALIBRATED),
            Effect::new(Term::Female, 0.08, CALIBRATED),
            Effect::new(Term::EverSmoked, -0.15, CALIBRATED),
            Effect::new(Term::Insomnia, 0.25, CALIBRATED),
        ],
    },
    OutcomeModel {
        name: "osteoarthritis",
        label: "osteoarthritis",
        prevalence: 0.2,
        effects: &[
            Effect::new(Term::AgeDecade, 0.75, CALIBRATED),
            Effect::new(Term::Female, 0.35, CALIBRATED),
            Effect::new(Term::Bmi5, 0.3, JIANG),
            Effect::new(Term::Insomnia, 0.35, CALIBRATED),
        ],
    },
    OutcomeModel {
        name: "pneumonia",
        label: "pneumonia",
        prevalence: 0.06,
        effects: &[
            Effect::new(Term::AgeDecade, 0.55, CALIBRATED),
            Effect::new(Term::Female, -0.2, CALIBRATED),
            Effect::new(Term::Bmi5, 0.1, CALIBRATED),
            Effect::new(Term::EverSmoked, 0.25, CALIBRATED),
            Effect::new(Term::Airways, 0.15, CALIBRATED),
        ],
    },
];
