"""
The words that the rooms of the emulator share: requests, answers, errors and times.

Modules: ``http_messages`` (a request as it arrived, an answer as it is to be sent, and how it travels),
``error_answers`` (an error of the service, with CI's and COS's names for it), ``answer_times`` (the forms of times in
requests and answers).

Belongs here: values that a request or an answer consists of, without any behaviour. Every room imports them.

May call: nothing of the emulator and nothing of the client.
"""
