"""The texts that a bot says without a model, in the languages of the project's prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from callchart.adapters.llm.prompts import Language
from callchart.engine.data import Scripts

#: The Russian fillers come from a Russian phone bot that callers know.
SCRIPTS: Final[Mapping[Language, Scripts]] = {
    "en": Scripts(),
    "ru": Scripts(
        greeting="Здравствуйте, это магазин. Чем могу помочь?",
        reprompt="Вы ещё на линии?",
        apology="Простите, что-то пошло не так. Повторите, пожалуйста.",
        regret="Простите, я не могу продолжить разговор. До свидания.",
        farewell="Спасибо за звонок. До свидания.",
        waiting="Одну минуту, пожалуйста.",
        fillers=("Хм,", "Так,", "Итак,", "Понятно,", "Сейчас,", "Хорошо,"),
        backchannels=(
            *("угу", "ага", "мм", "хм", "ох", "ах", "ого"),
            *("да", "ну да", "так", "точно", "верно", "конечно", "хорошо", "ладно", "ок", "окей"),
            *("понятно", "понял", "поняла", "ясно", "вот как", "слушаю", "продолжайте"),
        ),
    ),
}
