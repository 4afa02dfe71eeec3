"""The network that several processes train, and what is refused."""

import pytest
from torch import nn

from monaiseg.engine import Settings, parallel
from monaiseg.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "told"), [(True, "torch has it on GPUs alone; set it to auto or False"), ("yes", "must be True, False")]
)
def test_batch_norm_over_processes_is_refused_on_the_processor(value, told):
    with pytest.raises(ConfigError, match=told):
        parallel(nn.Linear(1, 1), Settings(spatial_dims=2, device="cpu"), value)


def test_one_process_trains_the_network_itself():
    network = nn.Linear(1, 1)
    assert parallel(network, Settings(spatial_dims=2, device="cpu")) is network
