using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using SjdOnnx.Export.Runner;

// stdin is read to its end, so the runner ends with the test process that started it.
using var sessions = new Sessions();
while (Console.ReadLine() is { } line)
{
    Response response;
    try
    {
        response = sessions.Handle(JsonSerializer.Deserialize<Request>(line, Wire.Json)!);
    }
    catch (OnnxRuntimeException exception)
    {
        response = new Response(exception.Message);
    }

    Console.WriteLine(JsonSerializer.Serialize(response, Wire.Json));
}
