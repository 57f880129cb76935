"""The one exception for bad input. It is raised anywhere and formatted once, at the edge."""


class UsageError(Exception):
    """Something a person asked for cannot be done as asked.

    ``message`` says what is wrong and what would be right, in words for the person who
    asked. ``parameter`` names the request parameter or option at fault, where there is one.
    """

    def __init__(self, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.parameter = parameter
