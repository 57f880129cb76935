"""The one exception for bad input. It is raised anywhere and formatted once, at the edge."""


class UsageError(Exception):
    """Something a person asked for cannot be done as asked.

    ``message`` says what is wrong and what would be right, in words for the person who
    asked. ``parameter`` names the request parameter or option at fault, where there is one.
    ``template`` and ``values`` are the message before its %(name)s are filled in, so that a page
    can say it in another language.
    """

    def __init__(self, message: str, parameter: str | None = None, **values: object) -> None:
        self.message = message % values if values else message
        super().__init__(self.message)
        self.parameter = parameter
        self.template = message
        self.values = values
