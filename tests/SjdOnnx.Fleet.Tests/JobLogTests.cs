namespace SjdOnnx.Fleet.Tests;

[Collection(UsesBroker.Name)]
public sealed class JobLogTests(Broker broker)
{
    [BrokerFact]
    public async Task Every_reader_gets_all_entries_in_their_order()
    {
        await using FleetConnection connection = await FleetConnection.OpenAsync(broker.Address, "test");
        JobLog log = await connection.LogOfAsync("ordered");
        for (int i = 0; i < 50; i++)
            await log.AddAsync(new JobEvent(JobEventKind.Begun, 0) { Index = i });

        for (int reader = 0; reader < 2; reader++)
        {
            IReadOnlyList<JobEvent>? entries = await JobLog.ReadAsync(connection, "ordered");
            Assert.Equal(
                Enumerable.Range(0, 50), entries!.Where(entry => entry.Kind == JobEventKind.Begun).Select(entry => entry.Index!.Value));
            Assert.All(entries!, entry => Assert.True(entry.Time > 0));
        }
    }

    [BrokerFact]
    public async Task A_job_that_was_never_submitted_has_no_log()
    {
        await using FleetConnection connection = await FleetConnection.OpenAsync(broker.Address, "test");

        Assert.Null(await JobLog.ReadAsync(connection, "unheard"));
    }
}
