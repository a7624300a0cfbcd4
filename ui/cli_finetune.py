"""The commands of `campaignwright finetune`: they parse, call the parts below and print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaignwright.ui.cli_options import BAD_DATA, USAGE, SeedOption, Stop, WorkspaceOption, default_workspace

app = typer.Typer(no_args_is_help=True, help="Train the language model: corpus, base, LoRA adapters.")


@app.command("corpus")
def corpus(
    out: Annotated[Path, typer.Option(help="Folder for the corpus")],
    size: Annotated[int, typer.Option(min=1, help="Chats to generate")] = 120_000,
    seed: SeedOption = 0,
) -> None:
    """Write the training corpus, its held-out part and its data card."""
    from campaignwright.finetune.corpus import write_corpus
    from campaignwright.ui import terminal

    with terminal.progress_bar() as progress:
        card = write_corpus(out, seed=seed, size=size, progress=terminal.reporting(progress, "Corpus"))
    terminal.print_json(card)


@app.command("base")
def base(
    corpus: Annotated[Path, typer.Option(help="Folder that `finetune corpus` wrote")],
    out: Annotated[Path, typer.Option(help="Folder for the model; a second run goes on from its last save")],
    minutes: Annotated[float | None, typer.Option(help="Stop after so many minutes")] = None,
    tokens: Annotated[int, typer.Option(help="Stop after so many tokens")] = 10_000_000,
    compiled: Annotated[bool, typer.Option("--compile", help="torch.compile: slower start, faster steps")] = False,
    start: Annotated[Path | None, typer.Option(help="Model folder to go on from, instead of from scratch")] = None,
    layers: Annotated[int | None, typer.Option(min=2, max=64, help="Layers of a model from scratch; 4 unless told")] = None,
    muon_lr: Annotated[float, typer.Option(help="Learning rate of the layers' matrices; 0.006 suits --start")] = 0.01,
    adam_lr: Annotated[float, typer.Option(help="Learning rate of the rest; 0.0009 suits --start")] = 1.5e-3,
    seed: SeedOption = 0,
) -> None:
    """Train the embedded model, from scratch or from an earlier one (start through `accelerate launch` for several GPUs)."""
    from campaignwright.agent.loading import quiet
    from campaignwright.finetune.base import SMALL, train_base
    from campaignwright.ui import terminal

    if start and layers:
        raise Stop("--start brings its own number of layers; leave out --layers.", USAGE)
    sizes = SMALL | {"num_hidden_layers": layers} if layers else None
    with quiet():
        report = train_base(corpus, out, minutes=minutes, tokens=tokens, compiled=compiled, start=start, sizes=sizes,
                            muon_lr=muon_lr, adam_lr=adam_lr, seed=seed, log=typer.echo)  # fmt: skip
    terminal.print_json(report)


@app.command("average")
def average(
    models: Annotated[list[Path], typer.Argument(help="Two or more model folders of one shape and tokenizer")],
    out: Annotated[Path, typer.Option(help="New folder for the model")],
) -> None:
    """Average the weights of models trained from one start: often better than each of them."""
    from campaignwright.finetune.merge import average as average_into
    from campaignwright.ui import terminal

    terminal.print_json(average_into(models, out))


@app.command("sft")
def sft(
    base: Annotated[str, typer.Option(help="Local folder or hub id of any causal language model with a chat template")],
    adapter: Annotated[str, typer.Option(help="planner | copywriter")],
    corpus: Annotated[Path, typer.Option(help="Folder that `finetune corpus` wrote")],
    out: Annotated[Path, typer.Option(help="Folder for the adapter")],
    minutes: Annotated[float | None, typer.Option(help="Stop after so many minutes")] = None,
    tokens: Annotated[int, typer.Option(help="Stop after so many tokens")] = 3_000_000,
    seed: SeedOption = 0,
) -> None:
    """Tune a LoRA adapter of any model on the corpus."""
    from campaignwright.agent.loading import quiet
    from campaignwright.finetune.sft import train_adapter
    from campaignwright.ui import terminal

    with quiet():
        report = train_adapter(base, adapter, corpus, out, minutes=minutes, tokens=tokens, seed=seed, log=typer.echo)
    terminal.print_json(report)


@app.command("loss")
def loss(
    model: Annotated[Path, typer.Option(help="Folder of a model in the corpus's chat format, for example what `finetune base` wrote")],
    corpus: Annotated[Path, typer.Option(help="Folder that `finetune corpus` wrote: its held-out part, dev.jsonl, is read")],
    adapter: Annotated[Path | None, typer.Option(help="LoRA adapter to put on the model")] = None,
) -> None:
    """Mean held-out loss of the answers, English and Chinese apart: the measure of the learning curve."""
    from campaignwright.agent.loading import quiet
    from campaignwright.finetune.evaluate import held_out_loss
    from campaignwright.ui import terminal

    with quiet():
        report = held_out_loss(model, corpus / "dev.jsonl", adapter)
    terminal.print_json(report)


@app.command("merge")
def merge(
    out: Annotated[Path, typer.Option(help="New folder for the model")],
    base: Annotated[str, typer.Option(help="embedded | local folder | hub id")] = "embedded",
    adapter: Annotated[str | None, typer.Option(help="Adapter folder; copywriter: the embedded model's own; none: the base alone")] = None,
) -> None:
    """Merge an adapter into its base: one plain folder that any server of open models can load."""
    from campaignwright.agent.backends import embedded_path
    from campaignwright.agent.loading import quiet
    from campaignwright.finetune.merge import merge as merge_into
    from campaignwright.tools.adapter_card import ADAPTERS
    from campaignwright.ui import terminal

    own = base == "embedded"
    folder = embedded_path() / adapter if own and adapter in ADAPTERS else adapter
    with quiet():
        report = merge_into(embedded_path() if own else base, folder, out)
    terminal.print_json(report)


@app.command("scorer")
def scorer(
    pairs: Annotated[Path, typer.Option(help="Folder with headline_binary_train.json, _val.json and _test.json")],
    out: Annotated[Path, typer.Option(help="Folder for headlines.safetensors and its card headlines.json")],
    seed: SeedOption = 0,
) -> None:
    """Learn the general headline scorer from real headline tests (Upworthy pairs) and test it once."""
    from campaignwright.finetune.headlines import make_scorer
    from campaignwright.ui import terminal

    terminal.print_json(make_scorer(pairs, out, seed=seed, log=typer.echo))


@app.command("preference")
def preference(
    out: Annotated[Path, typer.Option(help="Folder for the tuned copywriter adapter (use it with --adapter)")],
    workspace: WorkspaceOption = None,
    base: Annotated[str | None, typer.Option(help="Local folder or hub id; the embedded model when left out")] = None,
    start: Annotated[Path | None, typer.Option(help="Copywriter adapter to tune; the embedded one when left out")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Rounds over the pairs")] = 3,
    seed: SeedOption = 0,
) -> None:
    """Tune the copywriter on the clicks of the shop's own past copies (DPO)."""
    from campaignwright.agent.backends import COPYWRITER, embedded_path
    from campaignwright.finetune.preference import TooFewPairs, tune_on_clicks
    from campaignwright.market.workspace import Workspace
    from campaignwright.ui import terminal

    if (base is None) != (start is None):
        raise Stop("--base and --start go together: an adapter and the model that it was made for.", USAGE)
    with Workspace.open(workspace or default_workspace()) as shop:
        try:
            report = tune_on_clicks(shop, base or embedded_path(), start or embedded_path() / COPYWRITER, out,
                                    epochs=epochs, seed=seed, log=typer.echo)  # fmt: skip
        except TooFewPairs as error:
            raise Stop(str(error), BAD_DATA) from error
    terminal.print_json(report)
