use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use burn::tensor::{Bytes, DType, TensorData};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::SoftPrompt;
use crate::Error;
use crate::files::{io_error, write_whole};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
const TENSOR: &str = "prompt_embeddings";
/// No adapter's configuration is as long, and no soft prompt as large.
const MOST_BYTES: u64 = 1 << 30;

impl SoftPrompt {
    /// Writes the soft prompt as a prompt-tuning adapter of Hugging Face's PEFT: `adapter_config.json` and
    /// `adapter_model.safetensors` in a folder. `base_model` is the language model's folder, or its name on the hub, as
    /// PEFT's users will find it.
    ///
    /// ```python
    /// model = AutoModelForCausalLM.from_pretrained(base_model)
    /// model = PeftModel.from_pretrained(model, folder)
    /// ```
    ///
    /// The logits are then those of helm: the vectors stand in front of the token that starts a text in both.
    ///
    /// # Errors
    /// [`Error::Io`] if a file can't be written.
    pub fn save_adapter(&self, folder: &Path, base_model: &str) -> Result<(), Error> {
        fs::create_dir_all(folder).map_err(io_error(folder))?;
        let config = json!({
            "auto_mapping": null,
            "base_model_name_or_path": base_model,
            "inference_mode": true,
            // PEFT reads these two from the model.
            "num_attention_heads": null,
            "num_layers": null,
            "num_transformer_submodules": 1,
            "num_virtual_tokens": self.n_soft(),
            "peft_type": "PROMPT_TUNING",
            "prompt_tuning_init": "RANDOM",
            "prompt_tuning_init_text": null,
            "revision": null,
            "task_type": "CAUSAL_LM",
            "token_dim": self.d_model,
            "tokenizer_name_or_path": null,
        });
        let bytes: Vec<u8> = self.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let path = folder.join(WEIGHTS);
        let failed = |error: safetensors::SafeTensorError| io_error(&path)(std::io::Error::other(error));
        let view = TensorView::new(Dtype::F32, vec![self.n_soft(), self.d_model], &bytes).map_err(failed)?;
        let metadata = [("format".to_owned(), "pt".to_owned())].into();
        let weights = safetensors::serialize([(TENSOR, view)], Some(metadata)).map_err(failed)?;
        write_whole(&path, &weights)?;
        let mut config = format!("{config:#}");
        config.push('\n');
        write_whole(&folder.join(CONFIG), config.as_bytes())
    }

    /// Reads a prompt-tuning adapter that [`save_adapter`](Self::save_adapter) or PEFT wrote for a causal language
    /// model, its numbers being f32, f16 or bf16.
    ///
    /// # Errors
    /// [`Error::Io`] if a file can't be read, [`Error::Format`] if it is of another kind of adapter or damaged;
    /// [`Error::Prompt`] if a number is not finite.
    pub fn load_adapter(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(CONFIG);
        let wrong = |expected: String, found: String| Error::Format { path: path.clone(), expected, found };
        let config: Value =
            serde_json::from_slice(&read(&path)?).map_err(|error| wrong("JSON".into(), error.to_string()))?;
        let is = |key: &str, allowed: &[Value]| {
            let found = config.get(key).unwrap_or(&Value::Null);
            if allowed.contains(found) {
                return Ok(());
            }
            Err(wrong(format!("{key} {}", allowed[0]), found.to_string()))
        };
        is("peft_type", &["PROMPT_TUNING".into()])?;
        is("task_type", &["CAUSAL_LM".into(), Value::Null])?;
        is("num_transformer_submodules", &[1.into(), Value::Null])?;

        let path = folder.join(WEIGHTS);
        let wrong = |expected: String, found: String| Error::Format { path: path.clone(), expected, found };
        let bytes = read(&path)?;
        let tensors =
            SafeTensors::deserialize(&bytes).map_err(|error| wrong("safetensors".into(), error.to_string()))?;
        let names = tensors.names();
        if names != [TENSOR] {
            let found = format!(
                "{} tensors, {TENSOR:?} {}",
                names.len(),
                if names.contains(&TENSOR) { "among them" } else { "not among them" }
            );
            return Err(wrong(format!("one tensor, {TENSOR:?}"), found));
        }
        let view = tensors.tensor(TENSOR).map_err(|error| wrong(format!("{TENSOR:?}"), error.to_string()))?;
        let &[n_soft, d_model] = view.shape() else {
            return Err(wrong("a tensor [vectors, width]".into(), format!("{:?}", view.shape())));
        };
        for (key, size) in [("num_virtual_tokens", n_soft), ("token_dim", d_model)] {
            let said = config.get(key).unwrap_or(&Value::Null);
            let fits = said.as_u64() == Some(size as u64) || (key == "token_dim" && said.is_null());
            if !fits || size == 0 {
                return Err(wrong(format!("{key} {said} as {CONFIG} says, above 0"), size.to_string()));
            }
        }
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => return Err(wrong("numbers in F32, F16 or BF16".into(), format!("{other:?}"))),
        };
        let data = TensorData::from_bytes(Bytes::from_bytes_vec(view.data().to_vec()), [n_soft, d_model], dtype);
        let values = data.convert::<f32>().try_into_vec::<f32>();
        let values = values.map_err(|error| wrong("numbers".into(), format!("{error:?}")))?;
        Self::from_values(d_model, values)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(io_error(path))?;
    if bytes.len() as u64 > MOST_BYTES {
        let expected = format!("at most {MOST_BYTES} bytes");
        return Err(Error::Format { path: path.into(), expected, found: "more".into() });
    }
    Ok(bytes)
}
