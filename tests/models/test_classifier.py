"""The classifier's outputs follow its two-level taxonomy and the ImageNet head."""

from __future__ import annotations

import numpy as np
import pytest
from whatsit_client.taxonomy import INTENTS, TAG_TOPIC, TAGS, TOPICS

torch = pytest.importorskip("torch")

from whatsit.evaluation.datasets.imagenet_tags import intent_matrix, tag_matrix  # noqa: E402
from whatsit.models.classifier import FEATURES, OUTPUTS, Classifier, ClassifierForExport  # noqa: E402


@pytest.fixture(scope="module")
def network() -> Classifier:
    torch.manual_seed(0)
    tables = (torch.from_numpy(tag_matrix()), torch.from_numpy(intent_matrix()))
    return Classifier(None, *tables).eval()


def test_contract(network: Classifier) -> None:
    images = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    with torch.no_grad():
        outputs = ClassifierForExport(network, 64)(images)
    for (name, length), scores in zip(OUTPUTS.items(), outputs, strict=True):
        assert scores.shape == (2, length), name
        torch.testing.assert_close(scores.sum(dim=1), torch.ones(2))


def test_topic_is_the_sum_of_its_tags(network: Classifier) -> None:
    with torch.no_grad():
        logits = network(torch.rand(3, 3, 64, 64) * 2 - 1)
    tag, topic = logits["tag"].softmax(1).numpy(), logits["topic"].softmax(1).numpy()
    for index, name in enumerate(TOPICS):
        members = [i for i, member in enumerate(TAGS) if TAG_TOPIC[member] == name]
        np.testing.assert_allclose(topic[:, index], tag[:, members].sum(axis=1), rtol=1e-4)


def test_untrained_heads_say_what_imagenet_says(network: Classifier) -> None:
    with torch.no_grad():
        network.imagenet.bias[283] += 50  # a cat
        logits = network(torch.zeros(1, 3, 64, 64))
        network.imagenet.bias[283] -= 50
    assert TAGS[int(logits["tag"].argmax())] == "pet"
    assert INTENTS[int(logits["intent"].argmax())] == "other"


def test_a_checkpoint_carries_the_tables(network: Classifier) -> None:
    again = Classifier.from_recipe({"dropout": 0.2, "resolution": 160})
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(again.class_tags, network.class_tags)


def test_the_heads_share_a_hidden_layer(network: Classifier) -> None:
    deeper = Classifier.from_recipe({"hidden": 16}).eval()
    features = torch.randn(4, FEATURES)
    with torch.no_grad():
        deeper.heads["source"].weight.normal_()
        logits = deeper.answer(features)
    layer = deeper.hidden[0]
    hidden = np.maximum(features.numpy() @ layer.weight.detach().numpy().T + layer.bias.detach().numpy(), 0)
    head = deeper.heads["source"]
    expected = hidden @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(logits["source"].numpy(), expected, rtol=1e-4, atol=1e-4)
    assert network.hidden is None


def test_the_correction_is_what_the_tag_head_adds(network: Classifier) -> None:
    features = torch.randn(3, FEATURES)
    with torch.no_grad():
        logits = network.answer(features)
        imagenet = network.imagenet(features[:, :1280]).softmax(1).numpy() @ tag_matrix()
    added = logits["tag"].numpy() - np.log(np.maximum(imagenet, 1e-3))
    np.testing.assert_allclose(logits["correction"].numpy(), added, atol=1e-4)
