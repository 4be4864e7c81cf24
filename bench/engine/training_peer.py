"""Trains as transformers, PEFT and TRL do it, for run.py: `training_peer.py TASK.json`. The last line of stdout is
{"seconds": [at each step's end], "losses": [of each step]}. It gets token ids, so that it trains on the same as Hone."""
import json
import pathlib
import sys
import time

import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import (AutoModelForCausalLM, AutoTokenizer, DataCollatorForSeq2Seq, Trainer, TrainerCallback,
                          TrainingArguments)
from trl import DPOConfig, DPOTrainer


class Watch(TrainerCallback):
    def __init__(self):
        self.seconds, self.losses = [], []

    def on_step_end(self, *_, **__):
        self.seconds.append(time.monotonic())

    def on_log(self, *_, logs=None, **__):
        if "loss" in logs:
            self.losses.append(float(logs["loss"]))


class Encoded(DPOTrainer):
    """The examples are token ids already."""

    def _prepare_dataset(self, dataset, *_, **__):
        return dataset


def common_arguments(task):
    # Gradient checkpointing saves memory and costs time; Hone does not do it, so neither does the peer.
    return {"output_dir": task["folder"], "per_device_train_batch_size": task["batch_size"], "num_train_epochs": 1,
            "learning_rate": task["learning_rate"], "lr_scheduler_type": "constant", "max_grad_norm": 1.0,
            "weight_decay": 0.0, "bf16": task["dtype"] == "bf16", "use_cpu": True, "gradient_checkpointing": False, "logging_steps": 1,
            "save_strategy": "no", "report_to": "none", "disable_tqdm": True, "train_sampling_strategy": "sequential"}


def sft(task, model, tokenizer):
    examples = [{"input_ids": one["ids"], "attention_mask": [1] * len(one["ids"]),
                 "labels": [-100] * one["begin"] + one["ids"][one["begin"]:]} for one in task["examples"]]
    return Trainer(model=get_peft_model(model, lora(task)), args=TrainingArguments(**common_arguments(task)),
                   train_dataset=examples, data_collator=DataCollatorForSeq2Seq(tokenizer))


def dpo(task, model, tokenizer):
    arguments = DPOConfig(**common_arguments(task), beta=task["beta"], max_length=None)
    return Encoded(model=model, args=arguments, train_dataset=Dataset.from_list(task["examples"]),
                   processing_class=tokenizer, peft_config=lora(task))


def lora(task):
    return LoraConfig(r=task["lora_r"], lora_alpha=task["lora_alpha"], lora_dropout=0.0, bias="none",
                      target_modules=task["target_modules"], task_type="CAUSAL_LM")


def main():
    task = json.loads(pathlib.Path(sys.argv[1]).read_text())
    torch.set_num_threads(task["threads"])
    # Weights in fp32, with bf16 computed so where autocast does: how both libraries are used.
    model = AutoModelForCausalLM.from_pretrained(task["model"], dtype=torch.float32)
    trainer = {"sft": sft, "dpo": dpo}[task["work"]](task, model, AutoTokenizer.from_pretrained(task["model"]))
    watch = Watch()
    trainer.add_callback(watch)
    trainer.train()
    print(json.dumps({"seconds": watch.seconds, "losses": watch.losses}))


if __name__ == "__main__":
    main()
