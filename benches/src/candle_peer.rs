use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::llama::{Cache, Llama, LlamaConfig};
use helm_llm::Tokenizer;

use crate::FrozenTask;

/// Candle's Llama on the same weights: of each participant the text, the soft tokens and the first question in a row.
pub struct CandlePeer {
    model: Llama,
    /// Of positions' angles and masks alone.
    cache: Cache,
    /// `[participants, tokens, d_model]`
    rows: Tensor,
    yes_no: [usize; 2],
}

impl CandlePeer {
    /// Reads the folder's weights in f32.
    ///
    /// # Panics
    /// If it can't.
    #[allow(clippy::expect_used, reason = "a bench ends by panicking")]
    pub fn load(task: &FrozenTask, folder: &Path) -> Self {
        let file = |name: &str| std::fs::read(folder.join(name)).expect("the model's folder");
        let config: LlamaConfig = serde_json::from_slice(&file("config.json")).expect("a Llama's configuration");
        let config = config.into_config(false);
        let weights = file("model.safetensors");
        let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, &Device::Cpu).expect("the weights");
        let model = Llama::load(weights, &config).expect("a Llama");
        let tokenizer = Tokenizer::from_file(&folder.join("tokenizer.json")).expect("the tokenizer");
        let ids = |text: &str| tokenizer.encode(text).expect("ids");
        let embed = |ids: &[u32]| {
            let ids = Tensor::new(ids, &Device::Cpu).expect("ids");
            model.embed(&ids).expect("embeddings")
        };
        let question = embed(&ids(&FrozenTask::question(0).text));
        let row = |row: usize| {
            let text = embed(&[tokenizer.start(), &ids(&task.text(row))].concat());
            let shape = (FrozenTask::N_SOFT, task.shape.d_model);
            let soft = Tensor::from_vec(task.soft(row), shape, &Device::Cpu).expect("soft tokens");
            Tensor::cat(&[&text, &soft, &question], 0).expect("a row")
        };
        let rows: Vec<Tensor> = (0..task.participants).map(row).collect();
        let rows = Tensor::stack(&rows, 0).expect("rows of one length");
        let yes_no = ["1", "0"].map(|answer| ids(answer)[0] as usize);
        let cache = Cache::new(false, DType::F32, &config, &Device::Cpu).expect("positions");
        assert_eq!(
            candle_core::utils::get_num_threads(),
            rayon::current_num_threads(),
            "as many threads on both sides"
        );
        Self { model, cache, rows, yes_no }
    }

    /// Log-odds of "yes" against "no" behind the question.
    ///
    /// # Panics
    /// If it can't be computed.
    #[allow(clippy::expect_used, reason = "a bench ends by panicking")]
    pub fn log_odds(&mut self) -> Vec<f64> {
        let logits = self.model.forward_input_embed(&self.rows, 0, &mut self.cache).expect("logits");
        let logits = logits.to_vec2::<f32>().expect("two dimensions");
        logits.iter().map(|row| f64::from(row[self.yes_no[0]] - row[self.yes_no[1]])).collect()
    }
}
