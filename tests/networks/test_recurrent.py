"""The LSTM over rows: what it computes."""

import torch
from helpers.numbers import noise

from course_utils.networks import RowLSTM


def test_it_reads_the_rows_from_top_to_bottom():
    network = RowLSTM(1, 6, tokens=4, pixels=3, classes=5)
    x = noise(2, 12)
    recurrent = network.recurrent
    h = c = torch.zeros(2, 6)
    for row in x.view(2, 4, 3).unbind(1):
        gates = row @ recurrent.weight_ih_l0.T + recurrent.bias_ih_l0
        gates = gates + h @ recurrent.weight_hh_l0.T + recurrent.bias_hh_l0
        i, f, g, o = gates.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    expected = h @ network.head.weight.T + network.head.bias
    torch.testing.assert_close(network(x), expected, rtol=1e-4, atol=1e-5)


def test_depth_counts_its_layers():
    assert RowLSTM(3, 6).recurrent.num_layers == 3
    assert RowLSTM(2, 6)(noise(2, 784)).shape == (2, 10)
