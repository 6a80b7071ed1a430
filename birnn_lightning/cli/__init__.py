"""The program `birnn`: a user's mistake is one line on standard error, never a traceback."""

import sys
from collections.abc import Sequence

from birnn_lightning.cli.errors import fail, mistakes_in_one_line
from birnn_lightning.imports import import_without_collections

OVERVIEW = """\
usage: birnn COMMAND [options]

Train, test and use bidirectional RNN, LSTM and GRU sequence classifiers.

commands:
  fit        train; without options: a BiLSTM on the handwritten digits that come with scikit-learn
  validate   measure a checkpoint on the validation part
  test       measure a checkpoint on the test part: metrics, per-class report, confusion matrix
  predict    label raw texts or series: arguments, a file, or standard input

examples:
  birnn fit
  birnn fit --model BiGRUClassifier --model.hidden_size 128 --trainer.max_epochs 20
  birnn fit -c configs/imdb.yaml --data.train_files reviews.tsv
  birnn fit --model.pretrained model.ckpt --data TextDataModule --data.train_files reviews.tsv
  birnn fit --ckpt_path runs/bilstm-digits/version_0/checkpoints/last.ckpt
  birnn test --ckpt_path runs/bilstm-digits/version_0/checkpoints/best.ckpt
  birnn predict --ckpt_path best.ckpt "a wonderful film"

`birnn COMMAND --help` lists the options; `birnn fit --model.help BiLSTMClassifier` and
`birnn fit --data.help TextDataModule` those of a class. Set BIRNN_DEBUG=1 for tracebacks.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: as on the command line, without the program's name; default: ``sys.argv``.

    Returns:
        0 for success.

    Raises:
        SystemExit: with status 2 for a mistake in options, files or data.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(OVERVIEW, end="")
        return 0
    command, *rest = arguments
    if command == "--version":
        from birnn_lightning import __version__

        print(f"birnn {__version__}")
        return 0
    if command not in ("fit", "validate", "test", "predict"):
        fail(f"no command {command!r}; the commands are fit, validate, test, predict.")
    with mistakes_in_one_line():
        if command == "predict":
            import_without_collections("birnn_lightning.cli.predict").run_predict(rest)
        else:
            import_without_collections("birnn_lightning.cli.training").run_training(command, rest)
    return 0
